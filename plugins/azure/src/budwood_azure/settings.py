"""Settings of Azure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, SkipValidation, model_validator

from budwood.providing import parse_url
from budwood_azure.addresses import Form
from budwood_openai_compatible import OpenAICompatibleSettings, OptionalFeature

SCOPE = "https://ai.azure.com/.default"
"""The scope of tokens. Older guides use ``https://cognitiveservices.azure.com/.default``."""


def _parse_endpoint(text: str) -> str:
    return parse_url(text) if text.strip() else ""


def _check_token_source(source: object) -> object:
    if source is not None and not callable(source) and not callable(getattr(source, "get_token", None)):
        raise ValueError("must be a function that returns a token, or a credential of azure-identity")
    return source


class AzureSettings(OpenAICompatibleSettings):
    """
    Settings of Azure.

    ``api_key``, ``token``, ``token_source`` and ``identity`` are mutually exclusive.

    Attributes:
        base_url: The endpoint of the resource, such as ``https://NAME.openai.azure.com``. A path determines the form.
            Azure's own word for it, ``endpoint``, is accepted as well, and takes precedence.
        api_key: Sent as ``api-key``.
        token: A Microsoft Entra token, used until it expires.
        token_source: A function that returns such a token, blocking or async, or a credential of ``azure-identity``.
        identity: Whether to use ``DefaultAzureCredential`` of ``azure-identity``.
        scope: The scope of the tokens.
        api_version: Such as ``2024-10-21``. The form ``v1`` does not need one.
        form: The form of the addresses. By default ``base_url`` determines it; without a path it is ``deployments`` if
            there is an ``api_version``, and ``v1`` if not.
        model_family: The model of the deployments, such as ``gpt-5-mini``, or a mapping with one for each deployment.
            The catalog's rules for that model apply.
    """

    base_url: Annotated[str, AfterValidator(_parse_endpoint)] = ""
    token: SecretStr | None = None
    token_source: Annotated[SkipValidation[Any], AfterValidator(_check_token_source)] = Field(
        None, exclude=True, repr=False
    )
    identity: bool = False
    scope: str = SCOPE
    api_version: str | None = None
    form: Form | None = None
    model_family: str | dict[str, str] | None = None
    system_role: Literal["system", "developer"] | None = "system"
    offers: frozenset[OptionalFeature] = frozenset(
        {"audio_input", "document_input", "audio_output", "image_output", "files", "background"}
    )
    extra_message_fields: frozenset[str] | None = frozenset()
    api: Literal["chat", "responses", "auto"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _accept_endpoint(cls, values: object) -> object:
        if not isinstance(values, dict) or "endpoint" not in values:
            return values
        return {key: value for key, value in values.items() if key != "endpoint"} | {"base_url": values["endpoint"]}

    @model_validator(mode="after")
    def _check_authentication(self) -> Self:
        values = {
            "api_key": self.api_key,
            "token": self.token,
            "token_source": self.token_source,
            "identity": self.identity or None,
        }
        names = [name for name, value in values.items() if value is not None]
        if len(names) > 1:
            raise ValueError(f"{' and '.join(names)} are mutually exclusive; remove all but one")
        return self
