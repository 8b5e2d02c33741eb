"""Convert the reStructuredText of docstrings to Markdown, while the reference is built."""

from __future__ import annotations

import re
import textwrap
from typing import Any, Final

from griffe import Docstring, Extension, Object

BLOCK: Final = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1 +.*\n|\n)+(?:\1 +.*)?)", re.MULTILINE)


class CodeBlocks(Extension):
    """Replaces code blocks of reStructuredText by fences. All other marks of the docstrings are valid Markdown."""

    def on_object(self, *, obj: Object, **_: Any) -> None:  # noqa: ANN401 - any context of the loader
        """Convert the docstring of an object."""
        if isinstance(obj.docstring, Docstring):
            obj.docstring.value = BLOCK.sub(_fence, obj.docstring.value)


def _fence(match: re.Match[str]) -> str:
    indent, language, code = match.groups()
    code = textwrap.dedent(code).strip("\n")
    return textwrap.indent(f"```{language}\n{code}\n```\n\n", indent, lambda line: bool(line.strip()))
