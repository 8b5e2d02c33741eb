"""Settings of Azure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, SkipValidation, model_validator

from budwood.providing import parse_url
from budwood_azure.addresses import Form
from budwood_openai_compatible import OpenAICompatibleSettings

SCOPE = "https://ai.azure.com/.default"
"""What tokens are asked for; older guides name ``https://cognitiveservices.azure.com/.default``."""


def _parse_endpoint(text: str) -> str:
    return parse_url(text) if text.strip() else ""


def _source(given: object) -> object:
    if given is not None and not callable(given) and not callable(getattr(given, "get_token", None)):
        raise ValueError("it must be a function that returns a token, or a credential of azure-identity")
    return given


class AzureSettings(OpenAICompatibleSettings):
    """
    Settings of Azure.

    One of ``api_key``, ``token``, ``token_source`` and ``identity`` proves who is asking.

    Attributes:
        base_url: The resource's endpoint, such as ``https://NAME.openai.azure.com``; with a path it tells the form.
        api_key: Sent as ``api-key``.
        token: A token of Entra that is used as long as it lasts.
        token_source: A function that returns such a token, blocking or async, or a credential of ``azure-identity``.
        identity: Whether ``azure-identity`` shall find out who is asking (``DefaultAzureCredential``).
        scope: What tokens are asked for.
        api_version: Such as ``2024-10-21``; the form ``v1`` needs none.
        form: The form of the addresses, where ``base_url`` does not tell: by default ``deployments`` with a version and
            ``v1`` without one.
        model_family: The model behind the deployments, such as ``gpt-5-mini``, or one for each deployment: what the
            catalog says of it holds for them.
    """

    base_url: Annotated[str, AfterValidator(_parse_endpoint)] = ""
    token: SecretStr | None = None
    token_source: Annotated[SkipValidation[Any], AfterValidator(_source)] = Field(None, exclude=True, repr=False)
    identity: bool = False
    scope: str = SCOPE
    api_version: str | None = None
    form: Form | None = None
    model_family: str | dict[str, str] | None = None
    system_role: Literal["system", "developer"] | None = "system"
    extra_message_fields: frozenset[str] | None = frozenset()
    api: Literal["chat", "responses", "auto"] = "auto"

    @model_validator(mode="after")
    def _prove_it_in_one_way(self) -> Self:
        given = {
            "api_key": self.api_key,
            "token": self.token,
            "token_source": self.token_source,
            "identity": self.identity or None,
        }
        ways = [name for name, value in given.items() if value is not None]
        if len(ways) > 1:
            raise ValueError(f"give one of {' and '.join(ways)}, not both")
        return self
