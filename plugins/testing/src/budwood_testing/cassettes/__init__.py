"""Record real traffic to a file, without secrets, and replay it in tests."""

from budwood_testing.cassettes.cassette import cassette, cassette_async
from budwood_testing.cassettes.cassette_file import RecordedCall, RecordedFailure, RecordedReply, Recording
from budwood_testing.cassettes.recording import AsyncRecordingTransport, RecordingTransport
from budwood_testing.cassettes.replay import AsyncReplayTransport, ReplayTransport

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
