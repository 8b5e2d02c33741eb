"""Parse the docstring of a function into its summary and the descriptions of its arguments."""

from __future__ import annotations

import re
from typing import Final

_SECTION: Final = re.compile(r"^(Args|Arguments|Parameters):\s*$")
_OTHER_SECTION: Final = re.compile(r"^(Returns|Raises|Yields|Examples?|Notes?):\s*$")
_ARGUMENT: Final = re.compile(r"^\s+(\*{0,2}\w+)\s*(?:\([^)]*\))?:\s*(.+)$")
_FIELD: Final = re.compile(r"^:param\s+(?:\w+\s+)?(\w+):\s*(.+)$")


def parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """
    Return the description of the function, and that of each argument.

    Sections ``Args:`` and fields ``:param name:`` are supported.
    """
    summary: list[str] = []
    arguments: dict[str, str] = {}
    section, last = "summary", ""
    for line in text.splitlines():
        if _SECTION.match(line):
            section = "arguments"
        elif _OTHER_SECTION.match(line):
            section = "other"
        elif found := _FIELD.match(line.strip()):
            arguments[found[1]] = found[2].strip()
            section = "other"
        elif section == "summary":
            summary.append(line)
        elif section == "arguments" and (found := _ARGUMENT.match(line)):
            last = found[1].lstrip("*")
            arguments[last] = found[2].strip()
        elif section == "arguments" and last and line.strip():
            arguments[last] += " " + line.strip()
    return "\n".join(summary).strip(), arguments
