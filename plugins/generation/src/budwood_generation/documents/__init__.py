"""Documents: finding files, reading them, and splitting them into passages."""

from budwood_generation.documents.files import count_skipped_files, find_files
from budwood_generation.documents.passages import split_document
from budwood_generation.documents.reader import read_document
from budwood_generation.documents.records import Document, Section

__all__ = ["Document", "Section", "count_skipped_files", "find_files", "read_document", "split_document"]
