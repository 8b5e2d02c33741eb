"""The answer in the text of a reply, and the reasoning that some servers leave in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_NAMES: Final = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think"
_TAG: Final = re.compile(
    rf"(?P<opening><(?:{_NAMES})>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|channel\|>(?:analysis|commentary)\b)"
    rf"|(?<![`'\"])(?:</(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|end\|>(?=<\|start\|>))(?![`'\"])",
    re.IGNORECASE,
)
_FINAL_CHANNEL: Final = re.compile(r"<\|channel\|>final\b[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_MARK: Final = re.compile(r"<\|(?:channel|message|start|end|constrain)\|>(?:assistant\b|analysis\b|commentary\b)?")
_WRAPPER: Final = re.compile(r"<\|(?:begin|end)_of_solution\|>")
_END_TOKENS: Final = re.compile(r"(?:\s*(?:<\|[a-z_]+\|>|<\uff5c[^\uff5c<>]+\uff5c>|</s>|<end_of_turn>|<eos>))+\Z")
"""Tokens that end a turn in the chat templates of Qwen, Llama, DeepSeek, Mistral and Gemma."""
_END_CHARS: Final = 200
"""Characters at the end of a text in which these tokens are searched."""
_INDENT_CHARS: Final = 100
"""Characters before a tag that decide whether it starts a line."""


class AnswerText(NamedTuple):
    """The answer in the text of a reply, and the reasoning; both without white space around them."""

    answer: str
    reasoning: str


def answer_text(text: str) -> str:
    """Return the answer in the text of a reply; see `split_reasoning`."""
    return split_reasoning(text).answer


def split_reasoning(text: str) -> AnswerText:
    """
    Return the answer and the reasoning in the text of a reply.

    A server that does not parse the reasoning of its model leaves it in the text: as ``<think>…</think>`` (Qwen,
    DeepSeek), ``[THINK]…[/THINK]`` (Magistral), the channels of gpt-oss and a few others. If the chat template already
    opens the block, as that of DeepSeek-R1 does, the text begins within it, and only the closing tag is there. The
    tokens that end a turn belong to neither.

    A block counts as reasoning at the start of the text or of a line: tags within a sentence stay. A block that is
    never closed extends to the end of the text.
    """
    text = _without_end_tokens(text.strip())
    channels = list(_FINAL_CHANNEL.finditer(text))
    start = channels[-1].end() if channels else 0
    before = _join_reasoning(*_split_blocks(text[: channels[-1].start()])) if channels else ""
    answer, reasoning = _split_blocks(text[start:])
    answer = _WRAPPER.sub("", answer).strip()
    return AnswerText(answer, "\n\n".join(part for part in (before, reasoning) if part))


def _join_reasoning(outside: str, inside: str) -> str:
    """Return all text before the final channel, without its marks."""
    return _MARK.sub("", f"{inside}\n\n{outside}").strip()


def _split_blocks(text: str) -> tuple[str, str]:
    """Return what is outside and inside of reasoning blocks."""
    outside: list[str] = []
    inside: list[str] = []
    for part, is_inside in _blocks(text):
        (inside if is_inside else outside).append(part)
    return "".join(outside), "\n\n".join(filter(None, (_MARK.sub("", part).strip() for part in inside)))


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    """
    Yield the parts of a text, and whether each is reasoning.

    A closing tag without an opening one ends a block that began earlier.
    """
    start, is_inside, quoted = 0, False, 0
    for tag in _TAG.finditer(text):
        is_opening = tag["opening"] is not None
        if is_inside and not is_opening:
            yield text[start : tag.start()], True
            start, is_inside = tag.end(), False
        elif not is_inside and is_opening and _is_at_line_start(text, start, tag.start()):
            yield text[start : tag.start()], False
            start, is_inside = tag.end(), True
        elif not is_inside and is_opening:
            quoted += 1
        elif not is_inside and quoted:
            quoted -= 1
        elif not is_inside:
            yield text[start : tag.start()], True
            start = tag.end()
    yield text[start:], is_inside


def _is_at_line_start(text: str, start: int, position: int) -> bool:
    before = text[max(start, position - _INDENT_CHARS) : position]
    return not before.rpartition("\n")[2].strip()


def _without_end_tokens(text: str) -> str:
    return text[:-_END_CHARS] + _END_TOKENS.sub("", text[-_END_CHARS:])
