"""Number equal prompts, so that each gets a reply of its own unless the temperature is 0."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import cast

from pydantic_core import to_json

from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.prompts import Prompt, parse_prompt
from budwood.errors import BudwoodError


def number_samples(prompts: Iterable[Prompt], options: AskOptions) -> Iterator[tuple[Prompt, AskOptions]]:
    """Yield each prompt with its options. The second of equal prompts is sample 1, the third sample 2, and so on."""
    counts: Counter[bytes] = Counter()
    for prompt in prompts:
        digest = _digest(prompt)
        number = counts[digest]
        counts[digest] += 1
        yield prompt, cast("AskOptions", {**options, "sample": number}) if number else options


def _digest(prompt: Prompt) -> bytes:
    """Return a hash of a prompt. Those that are not valid are alike: each of them is an error."""
    try:
        content = prompt.encode() if isinstance(prompt, str) else to_json(parse_prompt(prompt))
    except (BudwoodError, ValueError):
        return b""
    return hashlib.sha256(content).digest()
