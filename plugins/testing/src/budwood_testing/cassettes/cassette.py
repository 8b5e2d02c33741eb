"""One line for tests: record what is not recorded yet, and play it from then on."""

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
    Make a transport for `Client` that records real traffic once, and plays it from then on.

    Args:
        path: The cassette's file. One transport at a time records into it; clients may share the transport.
        mode: ``"replay"`` sends nothing, ``"record"`` records anew, ``"auto"`` records where there is no file. By
            default what the environment's ``BUDWOOD_CASSETTES`` says, or else ``"auto"``.
        strict_order: See `ReplayTransport`.
        match_host: See `ReplayTransport`.
        secrets: See `RecordingTransport`.
        scrub: See `RecordingTransport`.

    Raises:
        ConfigurationError: There is no such mode, or the cassette that is to be played cannot be.
    """
    if _records(Path(path), mode):
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
    """Make a transport for `AsyncClient`; see `cassette`. Both read and write the same files."""
    if _records(Path(path), mode):
        return AsyncRecordingTransport(path, secrets=secrets, scrub=scrub)
    replay = ReplayTransport(path, strict_order=strict_order, match_host=match_host, secrets=secrets, scrub=scrub)
    return replay.asynchronous


def _records(path: Path, mode: str | None) -> bool:
    """Decide between recording and playing."""
    chosen = mode or os.environ.get(VARIABLE) or "auto"
    if chosen not in get_args(Mode):
        source = "mode=" if mode else f"{VARIABLE}="
        raise ConfigurationError(f"{source}{chosen} is no mode.", hint=f"Modes are {', '.join(get_args(Mode))}.")
    return chosen == "record" or (chosen == "auto" and not path.exists())
