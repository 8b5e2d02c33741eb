"""Record real traffic into a file, without its secrets, and play it in tests."""

from budwood_testing.cassettes.cassette import cassette, cassette_async
from budwood_testing.cassettes.recording import AsyncRecordingTransport, RecordingTransport
from budwood_testing.cassettes.replay import AsyncReplayTransport, ReplayTransport
from budwood_testing.cassettes.tape import RecordedCall, RecordedFailure, RecordedReply, Recording

__all__ = [
    "AsyncRecordingTransport",
    "AsyncReplayTransport",
    "RecordedCall",
    "RecordedFailure",
    "RecordedReply",
    "Recording",
    "RecordingTransport",
    "ReplayTransport",
    "cassette",
    "cassette_async",
]
