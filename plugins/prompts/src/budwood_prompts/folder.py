"""A folder of prompts, used without a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from budwood.names import did_you_mean
from budwood.providing import write_file_atomically
from budwood_prompts.errors import PromptNotFoundError
from budwood_prompts.files import SUFFIX, format_prompt, read_prompt_file
from budwood_prompts.prompt import Prompt
from budwood_prompts.references import parse_reference

if TYPE_CHECKING:
    from os import PathLike

    from budwood.types import Message

FOLDER: Final = "prompts"
"""The folder that commands use by default."""


class PromptFolder:
    """
    The prompts in the files of a folder: ``greeting.toml`` is the prompt ``greeting``.

    .. code-block:: python

        messages = PromptFolder("prompts").render("greeting", name="Ada")

    A file holds one version, which has every label: ``greeting@production`` reads the same file as ``greeting``.
    Files are read when they are used, so that changes take effect at once.

    Args:
        path: The folder.
    """

    def __init__(self, path: str | PathLike[str] = FOLDER) -> None:
        self.path = Path(path)

    def names(self) -> list[str]:
        """
        Return the names of the prompts, sorted.

        Raises:
            PromptNotFoundError: There is no such folder.
        """
        if not self.path.is_dir():
            raise PromptNotFoundError(
                f"There is no folder {str(self.path)!r}.", hint="Create it, or name the folder of your prompts."
            )
        return sorted(path.name.removesuffix(SUFFIX) for path in self.path.glob(f"*{SUFFIX}") if path.is_file())

    def load(self, reference: str) -> Prompt:
        """
        Read a prompt.

        Args:
            reference: Its name. A label after ``@`` is accepted, so that programs use the same text with a server.

        Raises:
            PromptNotFoundError: The folder has none with this name, or a version is named by its number.
            InvalidPromptError: The name or the file is not valid.
        """
        found = parse_reference(reference)
        if found.version is not None:
            raise PromptNotFoundError(
                f"{str(self.path)!r} has no numbered versions: {reference!r} names one.",
                hint=f"Use {found.name!r}: a folder has one version of each prompt; a server keeps numbered versions.",
            )
        try:
            return read_prompt_file(self.path / f"{found.name}{SUFFIX}")
        except FileNotFoundError:
            known = self.names()
            raise PromptNotFoundError(
                f"{str(self.path)!r} has no prompt {found.name!r}.",
                hint=did_you_mean(found.name, known) or f"Its prompts: {', '.join(known) or 'none'}.",
            ) from None

    def render(self, reference: str, /, **variables: object) -> list[Message]:
        """
        Return the messages of a prompt, which ``client.ask`` takes.

        Args:
            reference: See `load`.
            **variables: Values of its variables: texts, numbers, booleans, and lists of them.

        Raises:
            PromptError: The prompt does not exist, or cannot be rendered with these values.
        """
        return self.load(reference).render(variables)

    def save(self, prompt: Prompt) -> Path:
        """
        Write the file of a prompt, and return its path. The folder is created.

        Raises:
            OSError: It cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / f"{prompt.name}{SUFFIX}"
        write_file_atomically(path, format_prompt(prompt))
        return path
