"""Tokens of vendors, as they are described without their secrets."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from budwood.credential_store import DEFAULT_LABEL, parse_label
from budwood.errors import ConfigurationError
from budwood.names import normalise
from budwood_server.api_models.moments import Moment

MAX_CHARACTERS: Final = 20_000
MAX_PROVIDER: Final = 100

_MIN_SHOWN: Final = 12
"""Of a shorter token no character is shown: its end would be too large a part of it."""

_MIN_SECRET: Final = 8
"""A shorter token may be a part of an ordinary word."""


class TokenError(ConfigurationError):
    """A token, or its description, is not valid."""

    error_code = "invalid_token"


def parse_secret(secret: SecretStr) -> SecretStr:
    """
    Return the text of a token without white space around it.

    Raises:
        ValueError: It is empty, too long, or has characters that no header can contain. The error does not contain it.
    """
    text = secret.get_secret_value().removeprefix("\ufeff").strip()
    if not text:
        raise ValueError("must not be empty")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"must have at most {MAX_CHARACTERS:,} characters")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be one token, without spaces, line breaks and quotes around it")
    return SecretStr(text)


Secret = Annotated[SecretStr, AfterValidator(parse_secret)]
Label = Annotated[str, AfterValidator(parse_label)]
Provider = Annotated[
    str, Field(min_length=1, max_length=MAX_PROVIDER), AfterValidator(normalise), AfterValidator(parse_label)
]


class NewToken(BaseModel):
    """
    A token that is to be stored.

    Attributes:
        provider: The provider that uses it, as in ``provider/model``.
        label: Its name among the tokens of the provider.
        token: The token, as the vendor shows it. It is never returned.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    provider: Provider
    label: Label = DEFAULT_LABEL
    token: Secret

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if is_shown_by(self.token, f"{self.provider} {self.label}"):
            raise ValueError("the token must not be a part of its names, which are shown")
        return self


class VendorToken(BaseModel):
    """
    A stored token.

    Attributes:
        id: Identifies it.
        provider: The provider that uses it.
        label: Its name among the tokens of the provider.
        ending: Its last four characters; empty for a short one.
        key_id: The id of the master key that sealed it.
        created: When it was stored first.
        changed: When it was stored last.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    provider: str
    label: str
    ending: str
    key_id: str
    created: Moment
    changed: Moment

    @property
    def name(self) -> str:
        """The provider and the label."""
        return f"{self.provider}/{self.label}"


def is_shown_by(secret: SecretStr, names: str) -> bool:
    """Tell whether a token is a part of names."""
    text = secret.get_secret_value()
    return len(text) >= _MIN_SECRET and text in names


def find_ending(secret: str) -> str:
    """Return what is shown of a token: its last four characters."""
    return secret[-4:] if len(secret) >= _MIN_SHOWN else ""


def parse_new_token(provider: str, label: str, token: str) -> NewToken:
    """
    Check a token that is to be stored.

    Raises:
        TokenError: It is not valid. The error does not contain it.
    """
    try:
        return NewToken(provider=provider, label=label, token=SecretStr(token))
    except ValidationError as error:
        problem = _describe(error)
    raise TokenError(problem)


def parse_token_text(token: str) -> SecretStr:
    """
    Check the text of a token.

    Raises:
        TokenError: It is not valid. The error does not contain it.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(Secret)
    try:
        secret: SecretStr = adapter.validate_python(SecretStr(token))
    except ValidationError as error:
        problem = _describe(error)
    else:
        return secret
    raise TokenError(problem)


def _describe(error: ValidationError) -> str:
    """Return what is wrong, without the value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or "token"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}."
