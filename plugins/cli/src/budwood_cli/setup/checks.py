"""Check a provider by its cheapest request, and list its models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from budwood import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budwood import Client, ModelInfo, Settings
    from budwood_cli.setup.candidates import Candidate

CHECK_SECONDS: Final = 20.0

State = Literal["accepted", "rejected", "unreachable", "unknown", "skipped"]
"""
The outcome of a check: ``accepted`` if the server answered and accepted the key; ``unknown`` if it answered, but that
says nothing about the key; ``skipped`` if nothing was sent.
"""

_REJECTIONS: Final = (errors.AuthenticationError, errors.CredentialError)

_UNREACHABLE: Final = (errors.ConnectionFailedError, errors.RequestTimeoutError)


@dataclass(frozen=True)
class Checked:
    """
    The result of a check.

    Attributes:
        state: The outcome.
        error: The error, if it was not accepted.
        models: The models that the provider lists; None if it does not.
    """

    state: State
    error: errors.BudwoodError | None = None
    models: Sequence[ModelInfo] | None = None

    @property
    def reason(self) -> str:
        """The message of the error, in the words of the server or of Budwood."""
        return "" if self.error is None else getattr(self.error, "message", str(self.error))


def open_client(settings: Settings, provider: str, *, api_key: str | None, base_url: str | None) -> Client:
    """Open a client for single requests to a provider."""
    from budwood import Client

    return Client(
        f"{provider}/any",  # so that the model of the settings, which may not work, is not looked up
        settings=settings,
        api_key=api_key,
        base_url=base_url,
        cache=False,
        observers=[],
        retries=0,
        timeout=CHECK_SECONDS,
        fallbacks=(),
    )


def check_provider(client: Client, candidate: Candidate, *, has_key: bool) -> Checked:
    """
    Check that a provider answers, and that it accepts the key if there is one.

    Args:
        client: A client for the provider.
        candidate: The provider.
        has_key: Whether a key is sent.
    """
    from budwood.hooks import MODELS_CHECK

    try:
        if has_key and candidate.key_check and candidate.key_check != MODELS_CHECK:
            client.check_key(candidate.name)
            return Checked("accepted", models=_list_quietly(client, candidate.name))
        models = client.models(candidate.name)
    except errors.BudwoodError as error:
        return Checked(_judge(error, candidate, has_key=has_key), error)
    is_checked = not has_key or candidate.key_check == MODELS_CHECK
    return Checked("accepted" if is_checked else "skipped", models=models)


def _judge(error: errors.BudwoodError, candidate: Candidate, *, has_key: bool) -> State:
    """
    Return what an error says about the key.

    Raises:
        BudwoodError: The error, if nothing was sent because the settings are wrong.
    """
    # Some vendors report a wrong key with status 400. Nothing else can be wrong with a request without parameters.
    if isinstance(error, _REJECTIONS) or (has_key and isinstance(error, errors.InvalidRequestError)):
        return "rejected"
    if isinstance(error, _UNREACHABLE):
        return "unreachable"
    has_no_check = not candidate.key_check and isinstance(error, errors.NotFoundError)
    if has_no_check or isinstance(error, errors.UnsupportedError):
        return "skipped"
    if isinstance(error, errors.ProviderError):
        return "unknown"
    raise error


def _list_quietly(client: Client, provider: str) -> Sequence[ModelInfo] | None:
    """List the models; None if that fails, since the key is known to be valid."""
    try:
        return client.models(provider)
    except errors.ProviderError:
        return None
