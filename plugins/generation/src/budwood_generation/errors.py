"""Errors of runs, in addition to the core's."""

from __future__ import annotations

from budwood.errors import BudwoodError, ConfigurationError


class JournalError(BudwoodError):
    """The journal cannot be read or written. Entries that were committed earlier are safe."""


class DamagedJournalError(JournalError):
    """The content of the journal was changed or lost on the disk. When the run is resumed, what can be read is kept."""


class JournalFormatError(JournalError):
    """The journal has another version, or no longer identifies its run. The run cannot be resumed."""


class OutputError(BudwoodError):
    """The output cannot be written. All rows are in the journal."""


class RunBusyError(BudwoodError):
    """Another process is running the same run."""


class OtherRunError(ConfigurationError):
    """The output belongs to another run, with another specification or other documents, or to no run."""
