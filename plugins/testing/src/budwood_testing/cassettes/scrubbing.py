"""Remove secrets from recordings before they are written."""

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
from budwood_testing.cassettes.cassette_file import RecordedCall, RecordedReply, Recording
from budwood_testing.cassettes.secrets import (
    MIN_SECRET_LENGTH,
    PATTERNS,
    compile_pattern,
    is_sensitive,
    is_sensitive_parameter,
    secrets_of_headers,
    secrets_of_url,
)

REDACTED: Final = "[redacted]"

_RECORDED_HEADERS: Final = frozenset(
    "accept accept-encoding anthropic-beta anthropic-version api-version content-type openai-beta user-agent".split()
)
"""The request headers that are recorded. Others may contain anything, so they are omitted."""

_OMITTED_REPLY_HEADERS: Final = frozenset(
    "connection content-encoding content-length keep-alive transfer-encoding".split()
)
"""Headers about the connection and the encoding, which do not apply to a recording."""

_EVENT: Final = re.compile(r"^(?:data: ?)?([\[{].*[\]}])[ \t\r]*$", re.MULTILINE)


class _Change(NamedTuple):
    """A span of text and its replacement."""

    start: int
    end: int
    text: str = REDACTED


class Scrubber:
    """
    Removes secrets that are given or found in calls. Thread-safe.

    Args:
        secrets: Texts that must not be recorded.
        patterns: Regular expressions for text that must not be recorded. If one has groups, only these are removed.

    Raises:
        ConfigurationError: A pattern is invalid, or a secret is too short.
    """

    def __init__(self, secrets: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._known_pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()
        texts = list(secrets)
        if any(len(secret) < MIN_SECRET_LENGTH for secret in texts):
            raise ConfigurationError(
                f"A secret has fewer than {MIN_SECRET_LENGTH} characters, which may also occur in other text.",
                hint=r'Use a pattern that includes the text around it: scrub=[r"pin=(\d+)"].',
            )
        try:
            self._patterns = (*PATTERNS, *map(re.compile, patterns))
        except re.error as error:
            raise ConfigurationError(f"Invalid regular expression {error.pattern!r} in scrub=: {error}.") from None
        self._learn(texts)

    def learn_call(self, call: HTTPCall) -> bool:
        """Add the credentials of a call to the secrets; return whether any was new."""
        return self._learn([*secrets_of_headers(call.headers), *secrets_of_url(call.url)])

    def learn_reply(self, head: ReplyHead) -> bool:
        """Add cookies and organisation names of a reply to the secrets; return whether any was new."""
        sensitive = {name: value for name, value in head.headers.items() if is_sensitive(name)}
        return self._learn(secrets_of_headers(sensitive))

    def _learn(self, secrets: Iterable[str]) -> bool:
        with self._lock:
            new = {secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH} - self._secrets
            if new:
                self._secrets |= new
                self._known_pattern = compile_pattern(self._secrets)
            return bool(new)

    def scrub_call(self, call: HTTPCall) -> RecordedCall:
        """Return the recording of a call without secrets; its body must be bytes."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        recorded = {name: self.scrub_text(value) for name, value in headers.items() if name in _RECORDED_HEADERS}
        return RecordedCall(
            method=call.method,
            url=self.scrub_text(_without_credentials(call.url)),
            headers=recorded,
            body=self.scrub_chunks((read_body(call.body),))[0],
        )

    def scrub_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Remove secrets from the headers of a reply."""
        recorded = {name: value for name, value in headers.items() if name not in _OMITTED_REPLY_HEADERS}
        return {name: REDACTED if is_sensitive(name) else self.scrub_text(value) for name, value in recorded.items()}

    def scrub_recording(self, recording: Recording) -> Recording:
        """Remove secrets from a recording, which may already be scrubbed."""
        call, reply, failure = recording.call, recording.reply, recording.failure
        if failure is not None:
            hint = None if failure.hint is None else self.scrub_text(failure.hint)
            failure = failure.model_copy(update={"message": self.scrub_text(failure.message), "hint": hint})
        headers = {name: self.scrub_text(value) for name, value in call.headers.items()}
        url, body = self.scrub_text(call.url), self.scrub_chunks((call.body,))[0]
        call = call.model_copy(update={"url": url, "headers": headers, "body": body})
        return Recording(call=call, reply=None if reply is None else self._scrub_reply(reply), failure=failure)

    def _scrub_reply(self, reply: RecordedReply) -> RecordedReply:
        headers, body = self.scrub_headers(reply.headers), self.scrub_chunks(reply.body)
        return reply.model_copy(update={"headers": headers, "body": body})

    def scrub_text(self, text: str) -> str:
        """Remove secrets from a text."""
        return _apply(text, self._find(text))

    def scrub_chunks(self, chunks: Sequence[bytes]) -> tuple[bytes, ...]:
        """
        Remove secrets from a body, including secrets that span several chunks or events of a stream.

        The number of chunks does not change: a boundary inside a secret moves to the end of its replacement.
        """
        body = b"".join(chunks)
        boundaries = [0, *accumulate(map(len, chunks))]
        encoding = _encoding(body)
        for find in (self._find, self._find_in_json) if encoding == "utf-8" else (self._find,):
            text = body.decode(encoding)
            changes = list(find(text))
            if changes:
                boundaries = _move_boundaries(boundaries, text, changes, encoding)
                body = _apply(text, changes).encode(encoding)
        return tuple(body[start:end] for start, end in pairwise(boundaries))

    def _find(self, text: str) -> list[_Change]:
        """Find secrets that appear literally in a text."""
        known = () if self._known_pattern is None else self._known_pattern.finditer(text)
        spans = [match.span() for match in known]
        for pattern in self._patterns:
            groups = range(1, pattern.groups + 1) if pattern.groups else (0,)
            spans += [match.span(group) for match in pattern.finditer(text) for group in groups]
        return [_Change(*span) for span in _merge(span for span in spans if span[0] < span[1])]

    def _find_in_json(self, text: str) -> list[_Change]:
        """
        Find secrets in decoded JSON: written with escapes, or spread over several events of a stream.

        Each event with a part of a secret is encoded again.
        """
        by_path: dict[tuple[str | int, ...], list[_Leaf]] = {}
        events = _events(text)
        for number, (_, value) in enumerate(events):
            for leaf in _leaves(value, (), number):
                by_path.setdefault(leaf.path, []).append(leaf)
        changed = {number for leaves in by_path.values() for number in self._redact(leaves)}
        return [_Change(*events[number][0], _to_json(events[number][1])) for number in sorted(changed)]

    def _redact(self, leaves: list[_Leaf]) -> Iterator[int]:
        """Remove secrets from consecutive texts; yield the numbers of the events that changed."""
        texts = [str(leaf.holder[leaf.key]) for leaf in leaves]
        changes = self._find("".join(texts))
        if not changes or all(change.text == REDACTED and _is_redacted("".join(texts), change) for change in changes):
            return
        starts = [0, *accumulate(map(len, texts))]
        for leaf, text, start in zip(leaves, texts, starts, strict=False):
            parts = [_part(change, start, start + len(text)) for change in changes]
            inside = [change for change in parts if change is not None]
            if inside:
                leaf.holder[leaf.key] = _apply(text, inside)
                yield leaf.event


def _events(text: str) -> list[tuple[tuple[int, int], object]]:
    """Return the JSON values of a body with their positions: one value, or one per line or event."""
    value = _from_json(text)
    if value is not None:
        return [((0, len(text)), value)]
    return [(match.span(1), event) for match in _EVENT.finditer(text) if (event := _from_json(match[1])) is not None]


class _Leaf(NamedTuple):
    """A string in the JSON of an event, with its path and its container."""

    path: tuple[str | int, ...]
    event: int
    holder: Any
    key: str | int


def _leaves(value: object, path: tuple[str | int, ...], event: int) -> Iterator[_Leaf]:
    """Yield the strings of an event. Strings with the same path and ``index`` are consecutive parts of a text."""
    if isinstance(value, dict):
        path = (*path, *(item for name, item in value.items() if name.endswith("index") and isinstance(item, int)))
    items: Iterable[tuple[str | int, object]]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, str):
            yield _Leaf((*path, key), event, value, key)
        else:
            yield from _leaves(item, (*path, key), event)


def _part(change: _Change, start: int, end: int) -> _Change | None:
    """Return the part of a change between two positions; the replacement goes where the secret starts."""
    first, last = max(change.start, start), min(change.end, end)
    if first >= last:
        return None
    return _Change(first - start, last - start, change.text if first == change.start else "")


def _is_redacted(text: str, change: _Change) -> bool:
    return text[change.start : change.end] == REDACTED


def _from_json(text: str) -> object:
    try:
        return from_json(text)
    except ValueError:
        return None


def _to_json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _apply(text: str, changes: Sequence[_Change]) -> str:
    """Apply changes to a text."""
    parts, done = [], 0
    for change in changes:
        parts += [text[done : change.start], change.text]
        done = change.end
    return "".join([*parts, text[done:]])


def _move_boundaries(boundaries: Sequence[int], text: str, changes: Sequence[_Change], encoding: str) -> list[int]:
    """Return the positions of boundaries between chunks after the changes, in bytes."""
    before = [0, *accumulate(len(part.encode(encoding)) for part in _spans(text, changes))]
    ends = before[2::2]  # the end of each change, in bytes
    starts = before[1::2]
    sizes = [len(change.text.encode(encoding)) for change in changes]
    growth = [0, *accumulate(size - end + start for size, start, end in zip(sizes, starts, ends, strict=True))]
    moved = []
    for boundary in boundaries:
        passed = bisect_left(ends, boundary + 1)
        inside = passed < len(ends) and starts[passed] < boundary
        moved.append(ends[passed] + growth[passed + 1] if inside else boundary + growth[passed])
    return moved


def _spans(text: str, changes: Sequence[_Change]) -> Iterator[str]:
    """Yield unchanged and changed spans of a text alternately."""
    done = 0
    for change in changes:
        yield text[done : change.start]
        yield text[change.start : change.end]
        done = change.end


def _encoding(body: bytes) -> str:
    try:
        body.decode()
    except UnicodeDecodeError:
        return "latin-1"  # maps each byte to a character, so that ASCII secrets are found
    return "utf-8"


def _without_credentials(url: str) -> str:
    """Remove user, password and the values of sensitive query parameters from a URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    pairs = (pair.partition("=") for pair in parts.query.split("&"))
    query = "&".join(
        f"{name}={REDACTED}" if is_sensitive_parameter(name) else f"{name}{sign}{value}" for name, sign, value in pairs
    )
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query, fragment="").geturl()
