"""Conformance tests of the SQLite cache."""

from budwood_testing import CacheSuite


class TestSQLiteCache(CacheSuite):
    plugin = "sqlite"
    strict = True
    persists = True

    def settings(self, folder):
        """
        A file in the folder of the test.
        """
        return {"path": folder / "cache.sqlite3"}

    def broken_settings(self, folder):
        """
        A path below a file.
        """
        (folder / "file").write_text("")
        return {"path": folder / "file" / "cache.sqlite3"}

    def break_store(self, folder):
        """
        Replace the file by one that is not a database.
        """
        (folder / "cache.sqlite3").write_bytes(b"no database at all " * 4096)
        return True
