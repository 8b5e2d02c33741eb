"""``budwood setup``: its options, and what it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from budwood_cli import options, questions, terminal
from budwood_cli.setup.answers import Answers, Store

if TYPE_CHECKING:
    from budwood_cli.setup.saving import Plan


def setup(
    *,
    provider: Annotated[str | None, typer.Option("--provider", "-p", metavar="NAME", help="The provider.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="The model, with or without the provider.")
    ] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", metavar="VARIABLE", help="The environment variable with the API key.")
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", metavar="-", help="The API key: - reads it from standard input.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="The address of the server.")
    ] = None,
    store: Annotated[Store | None, typer.Option("--store", help="Where to save a new key.")] = None,
    project: Annotated[
        bool, typer.Option("--project/--user", help="Write budwood.toml of this folder, or that of the user.")
    ] = False,
    check: Annotated[bool, typer.Option("--check/--no-check", help="Whether to check the key and the server.")] = True,
    non_interactive: Annotated[
        bool, typer.Option("--non-interactive", help="Ask no questions; the same as --no-input.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Save without a question, also in place of a stored key.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the changes, and write nothing.")] = False,
    json_output: options.AsJSON = False,
) -> None:
    """Choose a provider, check its key, choose a model, and save them."""
    from budwood import Settings
    from budwood_cli.setup.candidates import look_around
    from budwood_cli.setup.wizard import make_plan, with_defaults

    if non_interactive:
        questions.ANSWERS.no_input, questions.ANSWERS.no_input_flag = True, "--non-interactive"
    answers = Answers(provider, model, base_url, token, key_env, store, project, check, dry_run, yes)
    settings = Settings.load()
    if not questions.is_interactive():
        answers = with_defaults(answers, settings)
    else:
        terminal.note("Looking for keys and local servers…")
    findings = look_around(settings, only=answers.named_provider)
    for note in findings.notes:
        terminal.note(f"note: {note}")
    plan = make_plan(answers, settings, findings)
    is_saved = _save(plan, answers)
    if json_output:
        terminal.write_json(_as_json(plan, answers, is_saved=is_saved))
    else:
        _report(plan, answers, is_saved=is_saved)


def _save(plan: Plan, answers: Answers) -> bool:
    """Save the plan, if there is anything to save and the user wants it."""
    if not plan.is_needed or answers.dry_run:
        return False
    if questions.is_interactive() and not answers.yes:
        details = "\n".join([plan.diff.rstrip(), *_describe_key(plan, "will be")]).strip()
        if not questions.confirm("Save?", flag="--yes", details=details, default=True):
            return False
    plan.save()
    return True


def _describe_key(plan: Plan, verb: str) -> list[str]:
    from budwood_cli.stored_keys import stored_keys_path

    if plan.key is None or not plan.changes_key:
        return []
    place = "the keyring" if plan.key.place == "keyring" else terminal.short_path(stored_keys_path())
    replaced = "" if plan.key.replaced is None else f", and the stored key ({plan.key.replaced}) {verb} replaced"
    return [f"The key {verb} saved in {place}{replaced}."]


def _report(plan: Plan, answers: Answers, *, is_saved: bool) -> None:
    """Print the changes to standard output, and what to do next to standard error."""
    if plan.diff and not (questions.is_interactive() and not answers.yes and not answers.dry_run):
        terminal.write(plan.diff)
    if is_saved:
        for line in (*_describe_settings(plan), *_describe_key(plan, "was")):
            terminal.note(line)
    elif not plan.is_needed:
        terminal.note(f"Nothing to change: {terminal.short_path(plan.file.path)} is up to date.")
    else:
        for line in _describe_key(plan, "would be"):
            terminal.note(line)
        terminal.note("Nothing was written.")
    for note in plan.notes:
        terminal.note(f"note: {note}")
    if is_saved or not plan.is_needed:
        terminal.note(f"Next: {_next_command(plan)}")


def _describe_settings(plan: Plan) -> list[str]:
    if not plan.diff:
        return []
    kept = f"; the old file is {terminal.short_path(plan.backup)}" if plan.backup is not None else ""
    return [f"Saved {terminal.short_path(plan.file.path)}{kept}."]


def _next_command(plan: Plan) -> str:
    is_overridden = any(note.endswith("value of model.") for note in plan.notes)
    return f'budwood ask -m {plan.choice.address} "Hello"' if is_overridden else 'budwood ask "Hello"'


def _as_json(plan: Plan, answers: Answers, *, is_saved: bool) -> dict[str, Any]:
    checked = plan.choice.checked
    return {
        "provider": plan.choice.candidate.name,
        "model": plan.choice.address,
        "base_url": plan.choice.base_url,
        "key": plan.key_state,
        "check": {"state": checked.state, "reason": checked.reason or None},
        "file": plan.file.path,
        "backup": plan.backup,
        "diff": plan.diff,
        "is_changed": plan.is_needed,
        "is_saved": is_saved,
        "dry_run": answers.dry_run,
        "notes": plan.notes,
        "next": _next_command(plan),
    }
