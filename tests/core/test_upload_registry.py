"""The registry of uploads."""

from __future__ import annotations

import pytest

from budwood.engine.uploads.registry import EXPIRY_MARGIN, Place, StoredFile, UploadRegistry

PLACE = Place("content image/png", "account")
OTHER = Place("content image/png", "other")


@pytest.fixture
def registry(tmp_path):
    """
    A registry in a new file.
    """
    return UploadRegistry(tmp_path / "uploads.sqlite3")


def test_files_belong_to_one_account(registry):
    """
    Another account cannot use them.
    """
    registry.add(PLACE, StoredFile("file-1", None), 0.0)

    assert registry.find(PLACE, 1e12) == StoredFile("file-1", None)
    assert registry.find(OTHER, 0.0) is None


def test_file_that_expires_soon_is_not_used(registry, tmp_path):
    """
    It could expire in flight; another process knows that as well.
    """
    registry.add(PLACE, StoredFile("file-1", 10_000.0), 0.0)

    for each in (registry, UploadRegistry(tmp_path / "uploads.sqlite3")):
        assert each.find(PLACE, 10_000.0 - EXPIRY_MARGIN - 1) == StoredFile("file-1", 10_000.0)
        assert each.find(PLACE, 10_000.0 - EXPIRY_MARGIN) is None


def test_newer_file_is_not_forgotten(registry):
    """
    Only the file that the vendor has lost is.
    """
    registry.add(PLACE, StoredFile("file-2", None), 0.0)

    registry.forget(PLACE, "file-1")
    assert registry.find(PLACE, 0.0) == StoredFile("file-2", None)
    registry.forget(PLACE, "file-2")
    assert registry.find(PLACE, 0.0) is None


def test_uploads_of_this_process_are_known_without_a_file(tmp_path):
    """
    A folder that cannot be written costs only the memory of other processes.
    """
    (tmp_path / "file").write_text("")
    registry = UploadRegistry(tmp_path / "file" / "uploads.sqlite3")

    registry.add(PLACE, StoredFile("file-1", None), 0.0)

    assert registry.find(PLACE, 0.0) == StoredFile("file-1", None)
    assert registry.find(OTHER, 0.0) is None
