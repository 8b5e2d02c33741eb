"""Number equal prompts, so that each gets a reply of its own unless the temperature is 0."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import cast

from pydantic_core import to_json

from budwood.engine.chat.option_types import AskOptions
from budwood.engine.chat.prompts import Prompt, parse_prompt
from budwood.errors import BudwoodError


class SampleNumbers:
    """
    Numbers the samples of equal prompts: the second is sample 1, the third sample 2, and so on.

    With a temperature of 0, or with ``sample`` among the options, all are the same sample.
    """

    def __init__(self) -> None:
        self._counts: Counter[bytes] = Counter()

    def __call__(self, prompt: Prompt, options: AskOptions) -> tuple[Prompt, AskOptions]:
        """Return a prompt, and its options with the number."""
        if "sample" in options or options.get("temperature") == 0:
            return prompt, options
        digest = _digest(prompt, options.get("variables"))
        number = self._counts[digest]
        self._counts[digest] += 1
        return prompt, cast("AskOptions", {**options, "sample": number}) if number else options


def _digest(prompt: Prompt, variables: object) -> bytes:
    """Return a hash of a prompt and its variables. Those that are not valid are alike: each of them is an error."""
    try:
        content = prompt.encode() if isinstance(prompt, str) else to_json(parse_prompt(prompt))
        if variables is not None:
            content += to_json(variables, fallback=repr)
    except (BudwoodError, ValueError):
        return b""
    return hashlib.sha256(content).digest()
