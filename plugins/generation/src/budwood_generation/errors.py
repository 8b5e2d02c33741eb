"""What can go wrong with a run, besides what the core's errors say."""

from __future__ import annotations

from budwood.errors import BudwoodError, ConfigurationError


class JournalError(BudwoodError):
    """The journal cannot be read or written. What it held before is kept."""


class OutputError(BudwoodError):
    """The rows are all in the journal, but the output cannot be written."""


class RunBusyError(BudwoodError):
    """Another process is at work on the same run."""


class OtherRunError(ConfigurationError):
    """The output belongs to a run of another specification or of other documents, or to no run at all."""
