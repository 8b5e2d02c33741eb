"""Exports of runs: the rows in the journal, written in the formats of trainers and data tools."""

from budwood_generation.exports.export import export_run
from budwood_generation.exports.formats import ExportFormat, export_format, export_formats
from budwood_generation.exports.report import ExportReport
from budwood_generation.exports.source import read_rows

__all__ = ["ExportFormat", "ExportReport", "export_format", "export_formats", "export_run", "read_rows"]
