"""Take secrets out of recordings, before anything is written."""

from __future__ import annotations

import json
import re
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic_core import from_json

from budwood.errors import ConfigurationError
from budwood.types import HTTPCall, ReplyHead
from budwood.wire.uploads import read_body
from budwood_testing.cassettes.secrets import (
    PATTERNS,
    SHORTEST,
    is_sensitive,
    is_sensitive_parameter,
    longest_first,
    secrets_of_headers,
    secrets_of_url,
)
from budwood_testing.cassettes.tape import RecordedCall, RecordedReply, Recording

REDACTED: Final = "[redacted]"

_KEPT_OF_CALLS: Final = frozenset(
    "accept accept-encoding anthropic-beta anthropic-version api-version content-type openai-beta user-agent".split()
)
"""The headers of a call whose values are written. No others are: users may put anything into them."""

_LEFT_OUT_OF_REPLIES: Final = frozenset(
    "connection content-encoding content-length keep-alive transfer-encoding".split()
)
"""They speak of the connection and of the packing, both of which a recording is without."""

_EVENT: Final = re.compile(r"^(?:data: ?)?([\[{].*[\]}])[ \t\r]*$", re.MULTILINE)


class _Change(NamedTuple):
    """A stretch of text, and what replaces it."""

    start: int
    end: int
    text: str = REDACTED


class Scrubber:
    """
    Knows the secrets, and learns more from every call. Safe to use from several threads.

    Args:
        secrets: Texts that must not be recorded.
        patterns: Regular expressions of what must not be recorded: where one has groups, the groups alone.

    Raises:
        ConfigurationError: One is no regular expression, or a secret is too short to be told from other words.
    """

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self._lock = threading.Lock()
        given = list(secrets)
        if any(len(secret) < SHORTEST for secret in given):
            raise ConfigurationError(
                f"A secret of fewer than {SHORTEST} characters cannot be told from other words.",
                hint=r'Give a pattern with the text around it: scrub=[r"pin=(\d+)"].',
            )
        try:
            self._patterns = (*PATTERNS, *map(re.compile, patterns))
        except re.error as error:
            raise ConfigurationError(f"scrub= takes regular expressions: {error.pattern!r}: {error}.") from None
        self._learn(given)

    def learn_call(self, call: HTTPCall) -> bool:
        """Note the credentials of a call; return whether they were unknown."""
        return self._learn([*secrets_of_headers(call.headers), *secrets_of_url(call.url)])

    def learn_reply(self, head: ReplyHead) -> bool:
        """Note cookies and names of organisations in a reply; return whether they were unknown."""
        sensitive = {name: value for name, value in head.headers.items() if is_sensitive(name)}
        return self._learn(secrets_of_headers(sensitive))

    def _learn(self, secrets: Iterable[str]) -> bool:
        with self._lock:
            new = {secret for secret in secrets if len(secret) >= SHORTEST} - self._secrets
            if new:
                self._secrets |= new
                self._known = longest_first(self._secrets)
            return bool(new)

    def call(self, call: HTTPCall) -> RecordedCall:
        """Describe a call, whose body is bytes by now, without its secrets."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        kept = {name: self.text(value) for name, value in headers.items() if name in _KEPT_OF_CALLS}
        return RecordedCall(
            method=call.method,
            url=self.text(_address(call.url)),
            headers=kept,
            body=self.pieces((read_body(call.body),))[0],
        )

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Take the secrets out of a reply's headers."""
        kept = {name: value for name, value in headers.items() if name not in _LEFT_OUT_OF_REPLIES}
        return {name: REDACTED if is_sensitive(name) else self.text(value) for name, value in kept.items()}

    def recording(self, recording: Recording) -> Recording:
        """Take the secrets out of a recording; what was taken out stays out."""
        call, reply, failure = recording.call, recording.reply, recording.failure
        if failure is not None:
            hint = None if failure.hint is None else self.text(failure.hint)
            failure = failure.model_copy(update={"message": self.text(failure.message), "hint": hint})
        headers = {name: self.text(value) for name, value in call.headers.items()}
        url, body = self.text(call.url), self.pieces((call.body,))[0]
        call = call.model_copy(update={"url": url, "headers": headers, "body": body})
        return Recording(call=call, reply=None if reply is None else self._reply(reply), failure=failure)

    def _reply(self, reply: RecordedReply) -> RecordedReply:
        return reply.model_copy(update={"headers": self.headers(reply.headers), "body": self.pieces(reply.body)})

    def text(self, text: str) -> str:
        """Take the secrets out of a text."""
        return _changed(text, self._found(text))

    def pieces(self, pieces: Sequence[bytes]) -> tuple[bytes, ...]:
        """
        Take the secrets out of a body, also those that are cut in two by its pieces or by the events of a stream.

        The pieces stay as many as they are: a cut within a secret moves to its end.
        """
        body = b"".join(pieces)
        cuts = [0, *accumulate(map(len, pieces))]
        encoding = _encoding(body)
        for find in (self._found, self._told) if encoding == "utf-8" else (self._found,):
            text = body.decode(encoding)
            changes = list(find(text))
            if changes:
                cuts = _moved(cuts, text, changes, encoding)
                body = _changed(text, changes).encode(encoding)
        return tuple(body[start:end] for start, end in pairwise(cuts))

    def _found(self, text: str) -> list[_Change]:
        """Find secrets as they are written there."""
        known = () if self._known is None else self._known.finditer(text)
        spans = [match.span() for match in known]
        for pattern in self._patterns:
            groups = range(1, pattern.groups + 1) if pattern.groups else (0,)
            spans += [match.span(group) for match in pattern.finditer(text) for group in groups]
        return [_Change(*span) for span in _merged(span for span in spans if span[0] < span[1])]

    def _told(self, text: str) -> list[_Change]:
        """
        Find secrets that only a reader of the JSON sees: written with escapes, or spread over the events of a stream.

        An event that holds one is written anew.
        """
        spoken: dict[tuple[str | int, ...], list[_Leaf]] = {}
        events = _events(text)
        for number, (_, value) in enumerate(events):
            for leaf in _leaves(value, (), number):
                spoken.setdefault(leaf.path, []).append(leaf)
        touched = {number for leaves in spoken.values() for number in self._redact(leaves)}
        return [_Change(*events[number][0], _dumped(events[number][1])) for number in sorted(touched)]

    def _redact(self, leaves: list[_Leaf]) -> Iterator[int]:
        """Take secrets out of texts that follow one another; tell the numbers of the events that were changed."""
        texts = [str(leaf.holder[leaf.key]) for leaf in leaves]
        changes = self._found("".join(texts))
        if not changes or all(change.text == REDACTED and _is_redacted("".join(texts), change) for change in changes):
            return
        starts = [0, *accumulate(map(len, texts))]
        for leaf, text, start in zip(leaves, texts, starts, strict=False):
            own = [_part(change, start, start + len(text)) for change in changes]
            inside = [change for change in own if change is not None]
            if inside:
                leaf.holder[leaf.key] = _changed(text, inside)
                yield leaf.event


def _events(text: str) -> list[tuple[tuple[int, int], object]]:
    """Read a body: one JSON, or the JSON of each line or event, and its position."""
    whole = _json(text)
    if whole is not None:
        return [((0, len(text)), whole)]
    return [(match.span(1), value) for match in _EVENT.finditer(text) if (value := _json(match[1])) is not None]


class _Leaf(NamedTuple):
    """A text in the JSON of an event: its position, and what contains it."""

    path: tuple[str | int, ...]
    event: int
    holder: Any
    key: str | int


def _leaves(value: object, path: tuple[str | int, ...], event: int) -> Iterator[_Leaf]:
    """List the texts of an event. Texts of one path, and of one ``index`` where there is one, follow one another."""
    if isinstance(value, dict):
        path = (*path, *(held for name, held in value.items() if name.endswith("index") and isinstance(held, int)))
    items: Iterable[tuple[str | int, object]]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in items:
        if isinstance(held, str):
            yield _Leaf((*path, key), event, value, key)
        else:
            yield from _leaves(held, (*path, key), event)


def _part(change: _Change, start: int, end: int) -> _Change | None:
    """Return the part of a change between two places; the mark is where the secret begins."""
    first, last = max(change.start, start), min(change.end, end)
    if first >= last:
        return None
    return _Change(first - start, last - start, change.text if first == change.start else "")


def _is_redacted(text: str, change: _Change) -> bool:
    return text[change.start : change.end] == REDACTED


def _json(text: str) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None


def _dumped(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _changed(text: str, changes: Sequence[_Change]) -> str:
    """Put the changes into a text."""
    written, done = [], 0
    for change in changes:
        written += [text[done : change.start], change.text]
        done = change.end
    return "".join([*written, text[done:]])


def _moved(cuts: Sequence[int], text: str, changes: Sequence[_Change], encoding: str) -> list[int]:
    """Say where cuts between bytes lie once the changes are made."""
    before = [0, *accumulate(len(part.encode(encoding)) for part in _stretches(text, changes))]
    ends = before[2::2]  # where each change ends, in bytes
    starts = before[1::2]
    sizes = [len(change.text.encode(encoding)) for change in changes]
    growth = [0, *accumulate(size - end + start for size, start, end in zip(sizes, starts, ends, strict=True))]
    moved = []
    for cut in cuts:
        passed = bisect_left(ends, cut + 1)
        inside = passed < len(ends) and starts[passed] < cut
        moved.append(ends[passed] + growth[passed + 1] if inside else cut + growth[passed])
    return moved


def _stretches(text: str, changes: Sequence[_Change]) -> Iterator[str]:
    """Tell what is kept and what is changed, in turn."""
    done = 0
    for change in changes:
        yield text[done : change.start]
        yield text[change.start : change.end]
        done = change.end


def _encoding(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "latin-1"  # every byte is a character, so that what is ASCII in it can be found
    return "utf-8"


def _address(url: str) -> str:
    """Leave out of an address the name, the password and the values of parameters that carry credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    pairs = (pair.partition("=") for pair in parts.query.split("&"))
    query = "&".join(
        f"{name}={REDACTED}" if is_sensitive_parameter(name) else f"{name}{sign}{value}" for name, sign, value in pairs
    )
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()
