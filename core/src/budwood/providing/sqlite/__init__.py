"""SQLite files that threads and processes share: they survive forks, and a damaged file is replaced by a new one."""

from budwood.providing.sqlite.errors import DamagedError
from budwood.providing.sqlite.files import absolute_path, check_not_a_folder, file_identity, move_damaged_file
from budwood.providing.sqlite.shared_file import SharedFile
from budwood.providing.sqlite.write_ahead_log import enable_wal

__all__ = [
    "DamagedError",
    "SharedFile",
    "absolute_path",
    "check_not_a_folder",
    "enable_wal",
    "file_identity",
    "move_damaged_file",
]
