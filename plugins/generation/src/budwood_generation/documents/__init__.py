"""The user's files as passages: find them, read them, cut them."""

from budwood_generation.documents.files import find_files, passed_over
from budwood_generation.documents.passages import passages
from budwood_generation.documents.reading import read_document
from budwood_generation.documents.records import Document, Section

__all__ = ["Document", "Section", "find_files", "passages", "passed_over", "read_document"]
