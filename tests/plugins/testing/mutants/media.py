"""A correct media handler, and broken ones."""

from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from budwood.errors import PromptError
from budwood.hooks import MEDIA_HANDLER, MediaHandlerSpec
from budwood.types import ImagePart, TextPart, ToolResultPart
from budwood_testing import MediaHandlerSuite
from tests.plugins.testing.mutants.registering import registry_of


class NoSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Notes:
    """
    Reads text and image files that begin with NOTE.
    """

    def parts(self, file):
        data = file.read()
        if not data.startswith(b"NOTE"):
            raise PromptError(f"{file.name} is no note.")
        if file.media_type == "image/x-note":
            return (ImagePart(data=data, media_type=file.media_type),)
        return (TextPart(text=self.text(file.name, data)),)

    def text(self, name, data):
        try:
            return f"{name}: {data.decode()}"
        except UnicodeDecodeError:
            raise PromptError(f"{name} is no UTF-8.") from None


class Correct(MediaHandlerSuite):
    """
    The suite with the correct plugin; mutants replace `Mutant` and list the tests that must fail in `caught_by`.
    """

    plugin = "notes"
    caught_by: ClassVar = ()
    Mutant: ClassVar = Notes
    media_types: ClassVar = ("text/x-note", "image/x-note")

    def __init_subclass__(cls):
        spec = MediaHandlerSpec(
            name="notes",
            settings=lambda: NoSettings,
            build=lambda _settings, _context: cls.Mutant(),
            requires_api=(2, 0),
            summary="Reads notes.",
            media_types=cls.media_types,
        )
        cls.registry = registry_of(MEDIA_HANDLER, spec)

    def samples(self):
        return {"text/x-note": "NOTE Größe".encode(), "image/x-note": b"NOTE \x89\x00"}


class TestCorrect(Correct):
    pass


class TestInvalidMediaType(Correct):
    caught_by = ("test_media_types_are_valid",)
    media_types = ("note",)


class TestMissingSample(Correct):
    caught_by = ("test_every_media_type_has_a_sample",)
    media_types = ("text/x-note", "image/x-note", "audio/x-note")


class TestReturnsNoParts(Correct):
    caught_by = ("test_valid_file_is_converted",)

    class Mutant(Notes):
        def parts(self, file):
            super().parts(file)
            return ()


class TestOpensFileByName(Correct):
    caught_by = ("test_valid_file_is_converted",)

    class Mutant(Notes):
        def text(self, name, data):
            try:
                return Path(name).read_text()
            except OSError:
                return super().text(name, data)


class TestReturnsToolResult(Correct):
    caught_by = ("test_valid_file_is_converted",)

    class Mutant(Notes):
        def parts(self, file):
            super().parts(file)
            return (ToolResultPart(call_id="1", name="read", content=str(file.read())),)


class TestNumbersFiles(Correct):
    caught_by = ("test_valid_file_is_converted",)

    class Mutant(Notes):
        files = 0

        def text(self, name, data):
            self.files += 1
            return f"{self.files} {super().text(name, data)}"


class TestOmitsMediaType(Correct):
    caught_by = ("test_media_have_a_media_type",)

    class Mutant(Notes):
        def parts(self, file):
            (part,) = super().parts(file)
            return (part.model_copy(update={"media_type": None}) if isinstance(part, ImagePart) else part,)


class TestReadsOnlyFilesInMemory(Correct):
    caught_by = ("test_file_on_disk_gives_the_same_parts",)

    class Mutant(Notes):
        def parts(self, file):
            return super().parts(file if file.data is not None else file.model_copy(update={"size": 6}))


class TestPartCannotBeSerialized(Correct):
    caught_by = ("test_parts_can_be_serialized",)

    class Mutant(Notes):
        def parts(self, file):
            (part,) = super().parts(file)
            return (part.model_copy(update={"provider": 7}) if isinstance(part, TextPart) else part,)


class TestReturnsSamePart(Correct):
    caught_by = ("test_different_files_give_different_parts",)

    class Mutant(Notes):
        def parts(self, file):
            name = "holiday.file" if file.read().startswith(b"NOTE") else file.name
            super().parts(file.model_copy(update={"name": name}))
            return (TextPart(text="A note."),)


class TestAcceptsInvalidFiles(Correct):
    caught_by = ("test_invalid_file_raises_prompt_error",)

    class Mutant(Notes):
        def parts(self, file):
            return super().parts(file if file.head(4) == b"NOTE" else file.model_copy(update={"data": b"NOTE"}))


class TestErrorOmitsFileName(Correct):
    caught_by = ("test_invalid_file_raises_prompt_error",)

    class Mutant(Notes):
        def parts(self, file):
            return super().parts(file.model_copy(update={"name": "The file"}))


class TestFailsForEmptyFiles(Correct):
    caught_by = ("test_any_bytes_give_parts_or_prompt_error", "test_damaged_file_gives_parts_or_prompt_error")

    class Mutant(Notes):
        def parts(self, file):
            if file.read()[0] == 0:
                raise PromptError(f"{file.name} is empty.")
            return super().parts(file)


class TestFailsForDamagedFiles(Correct):
    caught_by = ("test_damaged_file_gives_parts_or_prompt_error",)

    class Mutant(Notes):
        def text(self, name, data):
            return f"{name}: {data.decode()}"


class TestFailsForNonASCIINames(Correct):
    caught_by = ("test_any_file_name_is_accepted",)

    class Mutant(Notes):
        def text(self, name, data):
            return super().text(name.encode("ascii").decode(), data)
