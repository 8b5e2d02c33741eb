"""Find OpenAI's vocabularies on this machine; nothing is downloaded unless the settings say so."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from budwood.errors import ConfigurationError

if TYPE_CHECKING:
    from tiktoken import Encoding

VARIABLES: Final = ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR")
"""Where tiktoken looks for its folder. Source: ``tiktoken/load.py``."""

_environment = threading.Lock()


class Vocabulary(NamedTuple):
    """
    One vocabulary: the file in tiktoken's folder, named by the SHA-1 of its address, and the SHA-256 of its content.

    Source: ``tiktoken_ext/openai_public.py``.
    """

    file: str
    sha256: str


VOCABULARIES: Final = {
    "cl100k_base": Vocabulary(
        "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
    ),
    "o200k_base": Vocabulary(
        "fb374d419588a4632f3f557e76b4b70aebbca790", "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
    ),
}


class Vocabularies:
    """
    Reads each vocabulary once. Safe to use from several threads.

    Args:
        folder: Where they lie; None is where tiktoken looks.
        download: Whether one that is not there may be downloaded.
    """

    def __init__(self, folder: Path | None, *, download: bool) -> None:
        self._folder = folder.expanduser() if folder is not None else None
        self._download = download
        self._read: dict[str, Encoding] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Encoding:
        """
        Return a vocabulary; to read one takes a second.

        Raises:
            ConfigurationError: It is not on this machine, or could not be downloaded.
        """
        with self._lock:
            if name not in self._read:
                self._read[name] = self._load(name)
            return self._read[name]

    def _load(self, name: str) -> Encoding:
        folder = self._folder or _tiktokens_folder()
        if not self._download and not _is_whole(folder / VOCABULARIES[name].file, VOCABULARIES[name].sha256):
            raise ConfigurationError(
                f"tiktoken: the vocabulary {name} is not in {folder}, so tokens are estimated.",
                hint="Set download = true in [tokenizers.tiktoken], or cache_folder to where it lies.",
            )
        import tiktoken

        with _looking_in(self._folder):
            try:
                return tiktoken.get_encoding(name)
            except (OSError, ValueError) as error:  # those of `requests` are OSErrors
                raise ConfigurationError(
                    f"tiktoken: the vocabulary {name} could not be downloaded to {folder}: {type(error).__name__}.",
                    hint="Is there a way to the internet, and may the folder be written to?",
                ) from error


def _tiktokens_folder() -> Path:
    named = next((os.environ[name] for name in VARIABLES if name in os.environ), None)
    return Path(named) if named is not None else Path(tempfile.gettempdir(), "data-gym-cache")


def _is_whole(path: Path, sha256: str) -> bool:
    """Tell whether a file is what tiktoken expects: it would replace any other by a download."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


@contextmanager
def _looking_in(folder: Path | None) -> Iterator[None]:
    """Have tiktoken look in a folder: it can be told only by the environment."""
    if folder is None:
        yield
        return
    name = VARIABLES[0]
    with _environment:
        before = os.environ.get(name)
        os.environ[name] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
