"""Create a transport that records a cassette if it does not exist, and replays it otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal, get_args

from budwood.errors import ConfigurationError
from budwood_testing.cassettes.recording import AsyncRecordingTransport, RecordingTransport
from budwood_testing.cassettes.replay import AsyncReplayTransport, ReplayTransport

VARIABLE: Final = "BUDWOOD_CASSETTES"

Mode = Literal["auto", "record", "replay"]


def cassette(
    path: str | os.PathLike[str],
    mode: Mode | None = None,
    *,
    strict_order: bool = False,
    match_host: bool = True,
    secrets: Iterable[str] = (),
    scrub: Iterable[str] = (),
) -> RecordingTransport | ReplayTransport:
    """
    Create a transport for `Client` that records real traffic once and replays it afterwards.

    Args:
        path: The file of the cassette. Only one transport at a time may record to it; clients may share the transport.
        mode: ``"replay"`` sends nothing, ``"record"`` replaces the recording, ``"auto"`` records if there is no file.
            The default is the environment variable ``BUDWOOD_CASSETTES``, or ``"auto"``.
        strict_order: See `ReplayTransport`.
        match_host: See `ReplayTransport`.
        secrets: See `RecordingTransport`.
        scrub: See `RecordingTransport`.

    Raises:
        ConfigurationError: The mode is invalid, or the cassette cannot be read.
    """
    if _should_record(Path(path), mode):
        return RecordingTransport(path, secrets=secrets, scrub=scrub)
    return ReplayTransport(path, strict_order=strict_order, match_host=match_host, secrets=secrets, scrub=scrub)


def cassette_async(
    path: str | os.PathLike[str],
    mode: Mode | None = None,
    *,
    strict_order: bool = False,
    match_host: bool = True,
    secrets: Iterable[str] = (),
    scrub: Iterable[str] = (),
) -> AsyncRecordingTransport | AsyncReplayTransport:
    """Create a transport for `AsyncClient`; see `cassette`. Both use the same file format."""
    if _should_record(Path(path), mode):
        return AsyncRecordingTransport(path, secrets=secrets, scrub=scrub)
    replay = ReplayTransport(path, strict_order=strict_order, match_host=match_host, secrets=secrets, scrub=scrub)
    return replay.asynchronous


def _should_record(path: Path, mode: str | None) -> bool:
    """Return whether to record instead of replaying."""
    selected = mode or os.environ.get(VARIABLE) or "auto"
    if selected not in get_args(Mode):
        source = "mode=" if mode else f"{VARIABLE}="
        raise ConfigurationError(f"Invalid mode: {source}{selected}.", hint=f"Use one of {', '.join(get_args(Mode))}.")
    return selected == "record" or (selected == "auto" and not path.exists())
