"""Load OpenAI's vocabularies; they are downloaded only if the settings allow it."""

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
"""Environment variables with the folder of tiktoken. Source: ``tiktoken/load.py``."""

_environment_lock = threading.Lock()


class Vocabulary(NamedTuple):
    """
    A vocabulary: the file name, which is the SHA-1 of its URL, and the SHA-256 of its content.

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
    Loads each vocabulary once. Thread-safe.

    Args:
        folder: The folder of the files; None for the default of tiktoken.
        download: Whether missing vocabularies are downloaded.
    """

    def __init__(self, folder: Path | None, *, download: bool) -> None:
        self._folder = folder.expanduser() if folder is not None else None
        self._download = download
        self._loaded: dict[str, Encoding] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Encoding:
        """
        Return a vocabulary; loading it takes about one second.

        Raises:
            ConfigurationError: The vocabulary is not on this machine, or cannot be downloaded.
        """
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = self._load(name)
            return self._loaded[name]

    def _load(self, name: str) -> Encoding:
        folder = self._folder or _default_folder()
        if not self._download and not _has_digest(folder / VOCABULARIES[name].file, VOCABULARIES[name].sha256):
            raise ConfigurationError(
                f"tiktoken: the vocabulary {name} is not in {folder}, so tokens are estimated.",
                hint="Set download = true in [tokenizers.tiktoken], or cache_folder to the folder that has it.",
            )
        import tiktoken

        with _use_folder(self._folder):
            try:
                return tiktoken.get_encoding(name)
            except (OSError, ValueError) as error:  # errors of `requests` derive from OSError
                raise ConfigurationError(
                    f"tiktoken: cannot download the vocabulary {name} to {folder}: {type(error).__name__}.",
                    hint="Check the network connection, and that the folder is writable.",
                ) from error


def _default_folder() -> Path:
    configured = next((os.environ[name] for name in VARIABLES if name in os.environ), None)
    return Path(configured) if configured is not None else Path(tempfile.gettempdir(), "data-gym-cache")


def _has_digest(path: Path, sha256: str) -> bool:
    """Return whether a file has the expected content: tiktoken replaces any other by a download."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


@contextmanager
def _use_folder(folder: Path | None) -> Iterator[None]:
    """Make tiktoken use a folder, which only the environment can set."""
    if folder is None:
        yield
        return
    name = VARIABLES[0]
    with _environment_lock:
        before = os.environ.get(name)
        os.environ[name] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before
