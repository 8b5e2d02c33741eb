from __future__ import annotations

from collections import Counter

import pytest

from tests.contract import endpoints, recorded
from tests.contract.endpoints import EXCLUDED, Endpoint


def test_every_recording_has_one_place(shared_folder):
    """
    Each recorded exchange, and each reply without a request, belongs to one endpoint, or is excluded for one reason.
    """
    found = endpoints.map_recordings()

    assert {key: places for key, places in found.items() if len(places) != 1} == {}
    indexed = sum(len(recording["interactions"]) for recording in recorded.read_index())
    files = [path for path in (shared_folder / "cassettes" / "response-fixtures").rglob("*") if path.is_file()]
    assert len(found) == indexed + len(files)


def test_every_file_is_in_the_index(shared_folder):
    """
    The indexes list every recording in the folders.
    """
    files = {
        path.relative_to(folder).as_posix()
        for folder in recorded.FOLDERS
        for path in folder.glob("*/*")
        if path.is_file()
    }

    assert {name for name in files if not name.startswith("response-fixtures/")} == {
        recording["file"] for recording in recorded.read_index()
    }


def test_every_reason_excludes_something(shared_folder):
    """
    Each reason excludes a recording.
    """
    used = Counter(place for places in endpoints.map_recordings().values() for place in places)

    assert {reason for reason in EXCLUDED.values() if not used[reason]} == set()
    assert not any(isinstance(reason, Endpoint) for reason in EXCLUDED.values())


def test_everything_is_replayed(ledger, runs_all_tests):
    """
    Tests decoded every reply of a covered endpoint, and encoded every request or listed it with a reason.
    """
    if not runs_all_tests:
        pytest.skip("requires a run of all tests in tests/contract")
    not_decoded, not_encoded = ledger.list_missing()

    assert not_decoded == []
    assert not_encoded == []
