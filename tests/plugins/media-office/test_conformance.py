"""Conformance tests of the handlers and their package."""

from budwood_testing import MediaHandlerSuite, PackagingSuite
from tests.plugins.office_documents import make_docx, make_pptx, make_xlsx

OFFICE = "application/vnd.openxmlformats-officedocument"


class TestWord(MediaHandlerSuite):
    plugin = "docx"

    def samples(self):
        """
        A document of two paragraphs.
        """
        return {f"{OFFICE}.wordprocessingml.document": make_docx()}


class TestSheets(MediaHandlerSuite):
    plugin = "xlsx"

    def samples(self):
        """
        A book of two sheets.
        """
        return {f"{OFFICE}.spreadsheetml.sheet": make_xlsx()}


class TestPresentation(MediaHandlerSuite):
    plugin = "pptx"

    def samples(self):
        """
        One slide.
        """
        return {f"{OFFICE}.presentationml.presentation": make_pptx()}


class TestPackage(PackagingSuite):
    distribution = "budwood-media-office"
