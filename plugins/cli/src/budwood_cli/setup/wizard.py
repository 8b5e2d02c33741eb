"""The questions of ``budwood setup``, in order. Nothing is written before the last one is answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from budwood.errors import BudwoodError, CredentialError
from budwood.names import did_you_mean, normalise
from budwood_cli import questions, terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.key_sources import check_transports, confirm_target
from budwood_cli.setup.addresses import choose_address
from budwood_cli.setup.checks import Checked, check_provider, open_client
from budwood_cli.setup.key_storage import KeyChange, choose_place, confirm_replacement
from budwood_cli.setup.keys import Key, ask_key, find_key, without_foreign_key
from budwood_cli.setup.model_choice import has_names_of_users, is_listed, propose_models, strip_provider
from budwood_cli.setup.saving import Choice, Plan, edit_settings, make_notes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budwood import Client, ModelInfo, Settings
    from budwood.credential_store import KeyTarget
    from budwood_cli.setup.answers import Answers
    from budwood_cli.setup.candidates import Candidate, Findings

MOST_TRIES: Final = 3
"""How often a key can be typed."""

MODEL_FLAG: Final = "--model NAME"
PROVIDER_FLAG: Final = "--provider NAME"
_OTHER: Final = "another"


def make_plan(answers: Answers, settings: Settings, findings: Findings) -> Plan:
    """
    Ask what is not answered, check the provider, and return what will be changed.

    Raises:
        ArgumentError: A question cannot be asked.
        BudwoodError: The key is wrong, or the provider cannot be reached.
    """
    from budwood.plugins import list_known_models
    from budwood_cli.settings_files import project_file, user_file

    candidate = _choose_provider(answers, settings, findings)
    base_url = choose_address(answers, settings, candidate)
    candidate = without_foreign_key(candidate, settings, base_url)
    key, target, checked = _check_key(answers, settings, candidate, base_url)
    known: Sequence[str] = ()
    if has_names_of_users(settings, candidate.name, api_key=key.text, base_url=base_url):
        checked = replace(checked, models=None)  # those of the vendor, which are not the names of the deployments
    else:
        known = list_known_models(settings, candidate.name)
    with open_client(settings, candidate.name, api_key=key.text, base_url=base_url) as client:
        proposed = {} if answers.model else _propose(settings, candidate, client, checked, known)
    model = _choose_model(answers, candidate, proposed, checked.models, known)
    choice = Choice(candidate, model, base_url, key, checked)
    change = _change_key(answers, candidate, key, target)
    path = project_file() if answers.for_project else user_file()
    return Plan(choice, edit_settings(choice, path), change, make_notes(choice, settings, path, change))


def _change_key(answers: Answers, candidate: Candidate, key: Key, target: KeyTarget | None) -> KeyChange | None:
    """Return the change of the stored keys; None without a new key, or if the user does not want it."""
    if key.text is None:
        return None
    place = choose_place(candidate.name, answers.store, ask=not answers.dry_run)
    if place is None:
        return None
    change = KeyChange(candidate.name, key.text, place, target)
    is_wanted = answers.dry_run or confirm_replacement(change, yes=answers.yes)
    return change if is_wanted else None


def _choose_provider(answers: Answers, settings: Settings, findings: Findings) -> Candidate:
    name = answers.named_provider
    if name is None:
        offered = {candidate.name: candidate.describe() for candidate in findings.offered}
        default = propose_provider(settings, findings)
        name = questions.choose(
            "Which provider?",
            offered,
            flag=PROVIDER_FLAG,
            default=default,
            explain=lambda answer: _explain_missing(answer, settings, findings),
        )
    if (candidate := findings.candidates.get(normalise(name))) is None:
        raise _missing_provider(name, settings, findings)
    return candidate


def propose_provider(settings: Settings, findings: Findings) -> str | None:
    """Return the provider of the settings, or the first that has a key or a server if that one cannot be used now."""
    current = normalise((settings.model or "").partition("/")[0])
    own = next((each for each in findings.offered if each.name == current), None)
    if own is not None and not own.lacks_something:
        return own.name
    return next((each.name for each in findings.offered if each.is_ready), own.name if own else None)


def _missing_provider(name: str, settings: Settings, findings: Findings) -> BudwoodError:
    """Return the error for a provider that is not here. For one of this project it says how to install it."""
    from budwood.hooks import PROVIDER
    from budwood.plugins import Instances
    from budwood.plugins.first_party import first_party_names

    own = first_party_names(PROVIDER)
    if normalise(name) in own:
        try:
            Instances(settings).spec(PROVIDER, normalise(name))
        except BudwoodError as error:
            return error
    near = did_you_mean(name, {*findings.names, *own})
    return ArgumentError(f"There is no provider {name!r}.", hint=near or f"Providers: {', '.join(findings.names)}.")


def _explain_missing(answer: str, settings: Settings, findings: Findings) -> str:
    """Return why an answer is no provider, in the words of the error for the option."""
    if normalise(answer) in findings.candidates:  # offered only by name
        return f"`budwood setup --provider {normalise(answer)}` sets it up."
    return str(_missing_provider(answer, settings, findings))


def _check_key(
    answers: Answers, settings: Settings, candidate: Candidate, base_url: str | None
) -> tuple[Key, KeyTarget | None, Checked]:
    """
    Get the key, where a new one is sent, and check it. One that was typed and is wrong is asked for again.

    Raises:
        KeyTargetError: A transport of the current folder would let others read the key.
        CredentialError: The key is wrong.
        ProviderError: The provider cannot be reached, and the user does not want to save without a check.
    """
    key, target = find_key(candidate, answers), None
    for tries_left in reversed(range(MOST_TRIES)):
        if target is None and key.text is not None:
            target = confirm_target(candidate.name, key.text, base_url, question="Send the key there?", yes=answers.yes)
            check_transports(candidate.name, target)
        checked = _check(answers, settings, candidate, base_url, key)
        if checked.state != "rejected":
            return key, target, checked
        if not (tries_left and key.can_be_replaced and candidate.takes_key and questions.is_interactive()):
            raise _rejection(candidate, key, checked)
        terminal.note(f"{candidate.name}: {checked.reason}")
        key = ask_key(candidate, again=key.is_typed)
    raise AssertionError("the last try returns or raises")


def _check(answers: Answers, settings: Settings, candidate: Candidate, base_url: str | None, key: Key) -> Checked:
    if not answers.check:
        return Checked("skipped")
    with open_client(settings, candidate.name, api_key=key.text, base_url=base_url) as client:
        checked = check_provider(client, candidate, has_key=key.exists)
    if checked.state == "accepted":
        terminal.note(_describe_success(candidate, key, checked))
    elif checked.state == "skipped":
        terminal.note(f"{candidate.name}: not checked, since it has no request that is free of charge.")
    elif checked.state in ("unreachable", "unknown"):
        _ask_to_save_unchecked(candidate, checked)
    return checked


def _ask_to_save_unchecked(candidate: Candidate, checked: Checked) -> None:
    """
    Ask whether to save although the check failed.

    Raises:
        ProviderError: The user does not want to, or cannot be asked.
    """
    error = checked.error
    if error is None:
        return
    if not questions.is_interactive():
        error.hint = " ".join(filter(None, (error.hint, "Pass --no-check to save without a check.")))
        raise error
    details = "\n".join(filter(None, (f"{candidate.name}: the check failed: {checked.reason}", error.hint)))
    if not questions.confirm("Save without a check?", flag="--no-check", details=details):
        raise error


def _describe_success(candidate: Candidate, key: Key, checked: Checked) -> str:
    models = "" if checked.models is None else f", with {terminal.format_count(len(checked.models), 'model')}"
    return f"{candidate.name}: {'the key works' if key.exists else 'it works'}{models}."


def _rejection(candidate: Candidate, key: Key, checked: Checked) -> CredentialError:
    """Return the error for a key that is wrong, which says what to do about it."""
    hint = f"Create a key at {candidate.key_page}." if candidate.key_page else "Check the key."
    if key.configured is not None and key.configured.kind != "stored":
        hint = f"Set {key.configured.place} to a valid key, or remove it, and run `budwood setup` again."
    return CredentialError(f"{candidate.name}: {checked.reason}", hint=hint)


def _choose_model(
    answers: Answers,
    candidate: Candidate,
    proposed: Mapping[str, str],
    listed: Sequence[ModelInfo] | None,
    known: Sequence[str],
) -> str:
    """
    Return the vendor's name of the model.

    Args:
        answers: The options.
        candidate: The provider.
        proposed: The models to choose from, the default first.
        listed: The models that the provider lists; None if that is not known.
        known: The models of the catalog, which the provider may not list by these names.

    Raises:
        ArgumentError: No model is known or the provider does not list it, and no question can be asked.
    """
    default = next(iter(proposed), None)
    if answers.model is None and default is not None:
        if not questions.is_interactive():
            return default
        choices = {**proposed, _OTHER: "type its name"}
        chosen = questions.choose("Which model?", choices, flag=MODEL_FLAG, default=default)
        if chosen != _OTHER:
            return chosen
    elif answers.model is None and listed is not None:
        terminal.note(f"{candidate.name} lists no model for chat.")
    text = answers.model or questions.ask_text("Model", flag=MODEL_FLAG)
    while True:
        model = strip_provider(text, candidate.name)
        if listed is None or model in known or is_listed(model, listed) or _insists(candidate, model, listed):
            return model
        text = questions.ask_text("Model", flag=MODEL_FLAG)


def _insists(candidate: Candidate, model: str, listed: Sequence[ModelInfo]) -> bool:
    """
    Ask whether to use a model that the provider does not list: lists of vendors may be incomplete.

    Raises:
        ArgumentError: The question cannot be asked.
    """
    problem = f"{candidate.name} does not list the model {model!r}."
    near = did_you_mean(model, [each.id for each in listed])
    if not questions.is_interactive():
        hint = " ".join(filter(None, (near, "`--no-check` saves a model that the provider does not list.")))
        raise ArgumentError(problem, hint=hint)
    details = " ".join(filter(None, (problem, near)))
    return questions.confirm("Use it nevertheless?", flag="--no-check", details=details)


def _propose(
    settings: Settings, candidate: Candidate, client: Client, checked: Checked, known: Sequence[str]
) -> Mapping[str, str]:
    """Return the models to choose from, the default first."""
    owner, _, model = (settings.model or "").partition("/")
    current = model if normalise(owner) == candidate.name else None
    return propose_models(client, candidate.name, checked.models, known, current)


def with_defaults(answers: Answers, settings: Settings) -> Answers:
    """Return the answers of a run without questions: the provider of the settings is kept."""
    if answers.provider is None and answers.model is None and settings.model:
        return replace(answers, provider=settings.model.partition("/")[0])
    return answers
