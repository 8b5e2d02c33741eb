"""The address of the server: from an option, found on this machine, or typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budwood.errors import ConfigurationError, CredentialError
from budwood.hooks import PROVIDER
from budwood_cli import questions, terminal
from budwood_cli.clients import EXAMPLE_ADDRESS
from budwood_cli.errors import ArgumentError

if TYPE_CHECKING:
    from budwood import Settings
    from budwood_cli.setup.answers import Answers
    from budwood_cli.setup.candidates import Candidate

ADDRESS_FLAG: Final = "--base-url URL"


def choose_address(answers: Answers, settings: Settings, candidate: Candidate) -> str | None:
    """
    Return the address to write: one that the provider does not find without a setting.

    Raises:
        ArgumentError: The option has no address, or the question cannot be asked.
    """
    if answers.base_url is not None:
        if candidate.is_local:
            reason = f"{candidate.name} has no address: it runs in this process."
            raise ArgumentError(reason, hint="Leave --base-url out.")
        if problem := _find_problem(answers.base_url, settings, candidate):
            raise ArgumentError(
                f"--base-url {problem}.", hint=f"Pass the address of the API, such as {EXAMPLE_ADDRESS}."
            )
        return answers.base_url.strip().rstrip("/")
    if candidate.server is not None and not candidate.server.is_default:
        return candidate.server.url
    return _ask_address(settings, candidate) if candidate.needs_address else None


def _ask_address(settings: Settings, candidate: Candidate) -> str:
    while True:
        text = questions.ask_text("Address of the server", flag=ADDRESS_FLAG)
        problem = _find_problem(text, settings, candidate)
        if problem is None:
            return text.rstrip("/")
        terminal.note(f"The address {problem}. An example is {EXAMPLE_ADDRESS}")


def _find_problem(text: str, settings: Settings, candidate: Candidate) -> str | None:
    """Return what is wrong with an address, as the end of a sentence. It is not quoted, since it may have a key."""
    from budwood.plugins import Instances
    from budwood.providing import parse_base_url

    try:
        parse_base_url(text)
    except ValueError as error:
        return str(error).rstrip(".")
    try:
        Instances(settings).build(PROVIDER, candidate.name, {"base_url": text})
    except ConfigurationError as error:
        _, found, problem = error.message.partition("'base_url': ")
        return problem.rstrip(".") if found else None
    except CredentialError:  # a stored key cannot be used there: another one is asked for
        return None
    return None
