"""The SQLite cache, proved by the kit."""

from budwood_testing import CacheSuite


class TestSQLiteCache(CacheSuite):
    plugin = "sqlite"
    strict = True
    persists = True

    def settings(self, folder):
        """
        A file of the test's own.
        """
        return {"path": folder / "cache.sqlite3"}

    def other_namespace(self, folder):
        """
        The same file.
        """
        return {"namespace": "another"}

    def broken_settings(self, folder):
        """
        A file below what is no folder.
        """
        (folder / "file").write_text("")
        return {"path": folder / "file" / "cache.sqlite3"}

    def break_store(self, folder):
        """
        What is no database, in place of the file.
        """
        (folder / "cache.sqlite3").write_bytes(b"no database at all " * 4096)
        return True
