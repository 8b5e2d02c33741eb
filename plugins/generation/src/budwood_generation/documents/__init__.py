"""Documents: finding files, reading them, and splitting them into passages."""

from budwood_generation.documents.corpus import Corpus, read_corpus
from budwood_generation.documents.files import count_skipped_files, find_files
from budwood_generation.documents.index import DocumentIndex
from budwood_generation.documents.passages import split_document
from budwood_generation.documents.reader import read_document
from budwood_generation.documents.records import Document, Record, Section, UnreadableDocument, Verbatim
from budwood_generation.documents.sources import Splitter

__all__ = [
    "Corpus",
    "Document",
    "DocumentIndex",
    "Record",
    "Section",
    "Splitter",
    "UnreadableDocument",
    "Verbatim",
    "count_skipped_files",
    "find_files",
    "read_corpus",
    "read_document",
    "split_document",
]
