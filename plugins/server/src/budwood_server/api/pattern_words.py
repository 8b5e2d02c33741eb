"""What a name, a label or an id is made of, in words, for errors about values that do not match their pattern."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from budwood_prompts import LABEL_PATTERN, NAME_PATTERN
from budwood_server.api_models.accounts import ACCOUNT_PATTERN
from budwood_server.api_models.run import SESSION_PATTERN, SESSION_WORDS
from budwood_server.runs import document_names

PRINTABLE_PATTERN: Final = r"^[!-~]+$"
RUN_ID_PATTERN: Final = r"^run_[A-Za-z0-9]{1,60}$"
DOCUMENT_ID_PATTERN: Final = r"^doc_[A-Za-z0-9]{1,60}$"
TOKEN_ID_PATTERN: Final = "^[0-9A-Za-z_]+$"  # noqa: S105 - no password
WEBHOOK_ID_PATTERN: Final = r"^wh_[0-9A-Za-z_]{1,60}$"

WORDS: Final[Mapping[str, str]] = {
    NAME_PATTERN: "a name has lower-case letters and digits, and single . _ - between them",
    LABEL_PATTERN: "a label has up to 50 lower-case letters, digits, _ and -, with a letter first and no _ or - last",
    SESSION_PATTERN: SESSION_WORDS,
    ACCOUNT_PATTERN: "a name has lower-case letters, digits and . _ @ + -, with a letter or a digit first",
    document_names.NAME_PATTERN: "a name has up to 200 characters, no / or \\, and no dot, ~ or space first",
    PRINTABLE_PATTERN: "expected ASCII characters without spaces",
    RUN_ID_PATTERN: "the id of a run is run_ with letters and digits",
    DOCUMENT_ID_PATTERN: "the id of a document is doc_ with letters and digits",
    WEBHOOK_ID_PATTERN: "the id of an endpoint is wh_ with letters, digits and _",
    TOKEN_ID_PATTERN: "the id of a token has letters, digits and _",
}


def describe_pattern(pattern: str) -> str:
    """Return what matches a pattern."""
    return WORDS.get(pattern, "it has characters that are not allowed here")
