"""Text files that a specification names."""

from __future__ import annotations

from pathlib import Path

from budwood.errors import ConfigurationError


def read_text(path: Path, where: str) -> str:
    """
    Read a text file in UTF-8.

    Args:
        path: The file.
        where: The specification, for errors.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(
            f"{where}: the file {str(path)!r} cannot be read: {error.strerror}.",
            hint="Paths are relative to the folder of the specification.",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{where}: the file {str(path)!r} is not UTF-8.", hint="Save it as UTF-8.") from error
    except ValueError as error:  # a path with a null byte
        raise ConfigurationError(f"{where}: the file {str(path)!r} cannot be read: {error}.") from error
