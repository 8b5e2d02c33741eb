"""What every spec must say of its plugin."""

from __future__ import annotations

import re
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError

from budwood.hooks import Spec
from budwood.names import normalise

_SECRETIVE: Final = re.compile(r"(?:^|_)(?:key|secret|token|password|passphrase|credential)$")
_UNKNOWN: Final = "no_such_setting"


def check_name(spec: Spec[Any, Any]) -> None:
    """See that the name is in the form in which names are compared."""
    assert spec.name == normalise(spec.name), (
        f"the name {spec.name!r} is compared as {normalise(spec.name)!r}: use that"
    )
    assert re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", spec.name), f"the name {spec.name!r} is hard to type"


def check_summary(spec: Spec[Any, Any]) -> None:
    """See that users can tell what it is."""
    assert spec.summary.strip(), f"{spec.name} has no summary: `budwood plugins list` shows it"
    assert len(spec.summary.splitlines()) == 1, f"the summary of {spec.name} has more than one line"


def check_unknown_keys(spec: Spec[Any, Any]) -> None:
    """See that a misspelt setting is an error."""
    found: set[str] = set()
    try:
        spec.settings().model_validate({_UNKNOWN: "value"})
    except ValidationError as error:
        found = {detail["type"] for detail in error.errors() if detail["loc"] == (_UNKNOWN,)}
    assert "extra_forbidden" in found, f'the settings of {spec.name} take any key: set ConfigDict(extra="forbid")'


def check_secrets(spec: Spec[Any, Any]) -> None:
    """See that settings with secrets are of a type that hides them."""
    model: type[BaseModel] = spec.settings()
    bare = [
        name for name, info in model.model_fields.items() if _SECRETIVE.search(name) and _holds_text(info.annotation)
    ]
    assert not bare, f"the settings of {spec.name} hold {', '.join(bare)} as plain text: make it a pydantic.SecretStr"


def _holds_text(annotation: object) -> bool:
    kinds = {annotation, *get_args(annotation)}
    return bool(kinds & {str, bytes}) and not kinds & {SecretStr, SecretBytes}
