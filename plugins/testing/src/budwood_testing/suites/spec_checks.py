"""Checks of a plugin's spec: name, summary and settings."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from budwood.hooks import MODELS_CHECK, ProviderSpec, Spec
from budwood.names import normalise
from budwood.types import Capability

_SECRET_NAME: Final = re.compile(r"(?:^|_)(?:key|secret|token|password|passphrase|credential)$")
_UNKNOWN: Final = "no_such_setting"


def check_name(spec: Spec[Any, Any]) -> None:
    """Check that the name is normalized: lower case, with hyphens."""
    assert spec.name == normalise(spec.name), (
        f"the name {spec.name!r} is not normalized: rename the plugin to {normalise(spec.name)!r}"
    )
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", spec.name), (
        f"invalid name {spec.name!r}: use lower-case letters, digits and single hyphens"
    )


def check_summary(spec: Spec[Any, Any]) -> None:
    """Check that there is a summary of one line."""
    assert spec.summary.strip(), f"{spec.name} has no summary: set Spec.summary, which `budwood plugins list` shows"
    assert len(spec.summary.splitlines()) == 1, f"the summary of {spec.name} has more than one line: shorten it"


def check_unknown_keys(spec: Spec[Any, Any]) -> None:
    """Check that an unknown setting is an error."""
    found: set[str] = set()
    try:
        spec.settings().model_validate({_UNKNOWN: "value"})
    except ValidationError as error:
        found = {detail["type"] for detail in error.errors() if detail["loc"] == (_UNKNOWN,)}
    assert "extra_forbidden" in found, (
        f'the settings of {spec.name} accept unknown keys: set ConfigDict(extra="forbid")'
    )


def check_secrets(spec: Spec[Any, Any]) -> None:
    """Check that settings named like secrets use a type that hides the value."""
    model: type[BaseModel] = spec.settings()
    bare = [
        name
        for name, info in model.model_fields.items()
        if _SECRET_NAME.search(name) and _is_plain_text(info.annotation)
    ]
    assert not bare, f"the settings of {spec.name} store {', '.join(bare)} as plain text: use pydantic.SecretStr"


def check_key_data(spec: ProviderSpec[Any]) -> None:
    """Check the page for keys, the pattern of keys and the request that checks a key."""
    assert not spec.key_page or spec.key_page.startswith("https://"), (
        f"key_page of {spec.name} is not a URL with https: {spec.key_page!r}"
    )
    try:
        re.compile(spec.key_pattern)
    except re.error as error:
        raise AssertionError(f"key_pattern of {spec.name} is not a regular expression: {error}") from None
    if spec.key_check == MODELS_CHECK:
        assert Capability.MODELS in spec.capabilities, (
            f"key_check of {spec.name} is the list of models, which is not among its capabilities"
        )
    else:
        assert not spec.key_check or spec.key_check.startswith("/"), (
            f"key_check of {spec.name} is neither {MODELS_CHECK!r} nor a path that begins with a slash"
        )


def _is_plain_text(annotation: object) -> bool:
    kinds = {annotation, *get_args(annotation)}
    return bool(kinds & {str, bytes}) and not kinds & {SecretStr, SecretBytes}
