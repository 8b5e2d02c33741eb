"""Record real traffic into a file, without its secrets, and play it in tests."""

from budwood.testing.cassettes.cassette import cassette, cassette_async
from budwood.testing.cassettes.recording import AsyncRecordingTransport, RecordingTransport
from budwood.testing.cassettes.replay import AsyncReplayTransport, ReplayTransport
from budwood.testing.cassettes.tape import RecordedCall, RecordedFailure, RecordedReply, Recording

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
