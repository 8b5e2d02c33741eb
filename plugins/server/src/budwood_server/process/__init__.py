"""The processes of the server: the parent, its workers, reload and shutdown."""
