"""
Generate the table of what the key of a cached reply contains, in the guide to caches, from the code.

.. code-block:: console

    $ python docs/reference/cache_key.py           # writes the table in docs/guides/caching.md
    $ python docs/reference/cache_key.py --check   # exits with status 1 if it is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from budwood import Options
from budwood.engine import AskOptions
from budwood.types import ChatRequest, EmbeddingRequest, ModerationRequest

PAGE: Final = Path(__file__).parents[1] / "guides" / "caching.md"
BEGIN: Final = "<!-- the key: written by docs/reference/cache_key.py -->\n"
END: Final = "<!-- the end of the key -->\n"

_IN_THE_KEY: Final = {"cache_namespace", "sample"}
"""Options that are part of the key."""

_IN_THE_REQUEST: Final = {"system", "files", "schema", "schema_mode", "variables"}
"""Options of calls that become part of the request."""


def render_table() -> str:
    """Return the table."""
    options = set(Options.model_fields) - _IN_THE_KEY
    requests = {*ChatRequest.model_fields, *_IN_THE_REQUEST, *_IN_THE_KEY}
    calls = set(AskOptions.__optional_keys__) - set(Options.model_fields) - requests
    rows = (
        ("the provider", "its name, its plugin, and all its settings", "its API keys; its backups share its replies"),
        ("a chat or a completion", _names(ChatRequest.model_fields), _names(sorted(calls))),
        ("embeddings", _names(EmbeddingRequest.model_fields), ""),
        ("a moderation", _names(ModerationRequest.model_fields), ""),
        ("the options", _names(sorted(_IN_THE_KEY)), _names(sorted(options))),
    )
    lines = ["| part | in the key | not in the key |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines) + "\n"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Write the table, or check that it is up to date."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}\n{render_table()}\n{END}{after}"
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, "utf-8")
        return 0
    if text == page:
        return 0
    print(f"{PAGE.name} is not up to date: run python docs/reference/cache_key.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
