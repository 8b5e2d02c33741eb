"""``budwood config``: show, change and check the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from budwood_cli import options, terminal
from budwood_cli.errors import CONFIGURATION, ArgumentError
from budwood_cli.groups import new_group

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from budwood_cli.setting_keys import Steps
    from budwood_cli.setting_origins import Value
    from budwood_cli.settings_files import SettingsFile

User = Annotated[bool, typer.Option("--user", help="The user's file, which applies in every folder.")]
Project = Annotated[bool, typer.Option("--project", help="The file budwood.toml in the current folder.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="A key, such as model or providers.work.base_url.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change without writing it.")]

app = new_group("Show, change and check the settings.")


@app.command("show")
def show(
    *,
    origin: Annotated[bool, typer.Option("--origin", help="Also show defaults, and where each value is from.")] = False,
    json_output: options.AsJSON = False,
) -> None:
    """
    Show the settings of this folder.

    They are from all sources. Secrets are hidden but for their last characters.
    """
    from budwood.settings import Settings
    from budwood_cli.setting_origins import collect_values

    values = collect_values(Settings.load(), defaults=origin)
    if json_output:
        terminal.write_json([_as_json(value) for value in values])
    elif origin:
        terminal.write_table(
            ("key", "value", "origin"), [(value.key, _to_text(value.value), value.place) for value in values]
        )
    else:
        for value in values:
            terminal.write(f"{value.key} = {_to_toml(value.value)}\n")
    if not values:
        terminal.note("no settings: `budwood config set KEY VALUE` sets one, and --origin lists the defaults.")


@app.command("get")
def get(key: Key, *, user: User = False, project: Project = False, json_output: options.AsJSON = False) -> None:
    """
    Print one value, or the values of a table.

    Without --user or --project, those that apply in this folder.
    """
    from budwood_cli.setting_keys import parse_key

    path = parse_key(key)
    found = _find_in_file(path, user=user, project=project) if user or project else _find_effective(path)
    if not found:
        raise _not_set(key)
    is_exact = len(found[0].path) == len(path) and not isinstance(found[0].value, dict)
    if json_output:
        terminal.write_json(_as_json(found[0]) if is_exact else [_as_json(value) for value in found])
    elif is_exact:
        terminal.write(f"{_to_text(found[0].value)}\n")
    else:
        for value in found:
            terminal.write(f"{value.key} = {_to_toml(value.value)}\n")


@app.command("set")
def set_value(
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A value as in TOML, or a text; - is standard input.")],
    *,
    user: User = False,
    project: Project = False,
    dry_run: DryRun = False,
    json_output: options.AsJSON = False,
) -> None:
    """
    Set a key, and show the change.

    It is set in the user's file, or with --project in that of the current folder. The change is checked, and the
    former file is kept as budwood.toml.bak.
    """
    from budwood_cli.setting_keys import parse_key
    from budwood_cli.setting_overrides import describe_overrides
    from budwood_cli.setting_secrets import is_secret

    path = parse_key(key)
    if is_secret(path[-1]) and value != "-":
        terminal.note(
            "warning: the secret is now in the history of your shell. `-` reads it from standard input, and "
            "`budwood tokens add` keeps keys out of settings files."
        )
    file = _open_file(user=user, project=project)
    _set_as_text_or_value(file, path, _read_value(value))
    _finish(file, key, describe_overrides, dry_run=dry_run, json_output=json_output)


@app.command("unset")
def unset(
    key: Key,
    *,
    user: User = False,
    project: Project = False,
    dry_run: DryRun = False,
    json_output: options.AsJSON = False,
) -> None:
    """
    Remove a key or a table.

    It is removed from the user's file, or with --project from that of the current folder.
    """
    from budwood_cli.setting_overrides import describe_rest

    file = _open_file(user=user, project=project)
    if not file.unset(key):
        raise _not_set(key, file.path)
    _finish(file, key, describe_rest, dry_run=dry_run, json_output=json_output)


@app.command("path")
def path(*, user: User = False, project: Project = False, json_output: options.AsJSON = False) -> None:
    """
    Print the path of the settings file.

    It is the user's, or with --project that of the current folder. It may not exist.
    """
    from budwood_cli.settings_files import project_file, user_file
    from budwood_cli.stored_keys import stored_keys_path

    if json_output:
        files = {"user": user_file(), "project": project_file(), "stored_keys": stored_keys_path()}
        terminal.write_json({name: {"path": str(file), "exists": file.exists()} for name, file in files.items()})
        return
    terminal.write(f"{_choose_file(user=user, project=project)}\n")


@app.command("edit")
def edit(*, user: User = False, project: Project = False, json_output: options.AsJSON = False) -> None:
    """
    Change the settings in your editor.

    The editor of VISUAL or EDITOR opens the user's file, or with --project that of the current folder. The file is
    replaced when the text is valid. Otherwise the text is kept beside it.
    """
    from budwood_cli.settings_editor import edit_file
    from budwood_cli.settings_files import read_bytes

    file = _choose_file(user=user, project=project)
    before = read_bytes(file)
    backup = edit_file(file)
    is_changed = read_bytes(file) != before
    if json_output:
        terminal.write_json({"path": str(file), "changed": is_changed, "backup": str(backup) if backup else None})
        return
    name = terminal.short_path(file)
    terminal.note(f"changed: {name}" if is_changed else f"nothing changed in {name}")
    if backup is not None:
        terminal.note(f"the former file is {terminal.short_path(backup)}")


@app.command("validate")
def validate(*, json_output: options.AsJSON = False) -> None:
    """
    List all mistakes in the settings.

    Files, .env, variables and stored keys are checked. Each mistake is listed with its file and line. The exit
    status is 3 if there are any.
    """
    from budwood_cli.settings_check import check_all

    problems = check_all()
    is_valid = all(problem.is_warning for problem in problems)
    if json_output:
        listed = [{**problem._asdict(), "is_warning": problem.is_warning} for problem in problems]
        terminal.write_json({"valid": is_valid, "problems": listed})
    for problem in () if json_output else problems:
        terminal.write(f"{'warning: ' if problem.is_warning else ''}{problem}\n")
    if not json_output and is_valid:
        terminal.note("the settings are valid")
    if not is_valid:
        raise typer.Exit(CONFIGURATION)


def _choose_file(*, user: bool, project: bool) -> Path:
    from budwood_cli.settings_files import project_file, user_file

    if user and project:
        raise ArgumentError("--user and --project are both set.", hint="Pass one of them.")
    return project_file() if project else user_file()


def _open_file(*, user: bool, project: bool) -> SettingsFile:
    from budwood_cli.settings_files import SettingsFile

    return SettingsFile(_choose_file(user=user, project=project))


def _find_in_file(path: Steps, *, user: bool, project: bool) -> list[Value]:
    """Return the value of a key of one file, or the values of a table."""
    from budwood_cli.setting_origins import Value, flatten
    from budwood_cli.setting_secrets import mask_value

    file = _open_file(user=user, project=project)
    value = file.get(path)
    if value is None:
        return []
    values = flatten(value, path) if isinstance(value, dict) else [(path, value)]
    return [Value(key, mask_value(inner, key[-1]), "file", str(file.path)) for key, inner in values]


def _find_effective(path: Steps) -> list[Value]:
    """Return the value of a key that applies, or the values of a table."""
    from budwood.settings import Settings
    from budwood_cli.setting_keys import is_within
    from budwood_cli.setting_origins import collect_values

    values = collect_values(Settings.load(), defaults=True)
    return [value for value in values if is_within(value.path, path) and value.value is not None]


def _read_value(value: str) -> str:
    """Return the value of an argument, or of standard input without the end of its line."""
    import sys

    return sys.stdin.read().rstrip("\r\n") if value == "-" else value


def _set_as_text_or_value(file: SettingsFile, path: Steps, text: str) -> None:
    """
    Set a key to a value as in TOML, or to a text where the settings need one. The texts of secrets stay as they are.

    Raises:
        ConfigurationError: Neither is valid.
    """
    from budwood.errors import ConfigurationError
    from budwood_cli.setting_keys import parse_value
    from budwood_cli.setting_secrets import is_secret

    parsed = parse_value(text)
    is_plain = is_secret(path[-1]) and not isinstance(parsed, list)
    candidates = [text] if is_plain or parsed == text else [parsed, text]
    error: ConfigurationError | None = None
    for candidate in candidates:
        file.set(path, candidate)
        try:
            file.check()
        except ConfigurationError as found:
            error = error or found
        else:
            return
    raise error or AssertionError


def _finish(
    file: SettingsFile, key: str, describe: Callable[[Path, str], list[str]], *, dry_run: bool, json_output: bool
) -> None:
    """Write the change, and show it, with the other sources that have the key."""
    diff = file.diff()
    file.check()
    backup = None if dry_run else file.save()
    if json_output:
        result = {"path": str(file.path), "key": key, "diff": diff, "written": bool(diff) and not dry_run}
        terminal.write_json({**result, "backup": str(backup) if backup else None})
        return
    terminal.write(diff)
    if not diff:
        terminal.note(f"nothing changed in {terminal.short_path(file.path)}")
    elif dry_run:
        terminal.note("nothing was written (--dry-run)")
    for line in describe(file.path, key):
        terminal.note(line)


def _not_set(key: str, file: Path | None = None) -> ArgumentError:
    """Return the error for a key that is not set, with similar keys."""
    from budwood import Options
    from budwood.names import did_you_mean
    from budwood.settings import RootSettings

    where = f" in {terminal.short_path(file)}" if file else ""
    known = {*RootSettings.model_fields, *(f"options.{name}" for name in Options.model_fields)}
    near = None if key in known else did_you_mean(key, known)
    return ArgumentError(f"{key} is not set{where}.", hint=near or "`budwood config show --origin` lists all values.")


def _as_json(value: Value) -> dict[str, Any]:
    return {"key": value.key, "value": value.value, "origin": value.origin, "name": value.name, "line": value.line}


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else _to_toml(value)


def _to_toml(value: object) -> str:
    """Return a value as in TOML; JSON is close enough for lists and texts."""
    return "unset" if value is None else terminal.to_json(value)
