"""Outputs of runs: the path of a file, or the URL of a bucket or a database."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote

from budwood.errors import ConfigurationError
from budwood.hooks import STORAGE
from budwood.plugins import Instances
from budwood.plugins.first_party import install_hint

SUFFIX: Final = ".run"
"""The end of the name of a run folder."""

_DISTRIBUTIONS: Final = {
    "*.parquet": "budwood-parquet-storage",
    "s3://*": "budwood-s3-storage",
    **dict.fromkeys(("sqlite://*", "postgresql*://*", "postgres://*", "*.sqlite*", "*.db"), "budwood-sql-storage"),
}
"""The distributions of this project that store outputs, by pattern, for hints if they are not installed."""

_ENDINGS: Final = (".jsonl", ".json", ".parquet", ".csv", ".sqlite", ".sqlite3", ".db")
_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_UNENCODED_PASSWORD: Final = re.compile(r"(?P<user>[^:/?#@]*):(?!\d+(?:[/?#]|$))[^@]*@(?P<rest>.*)", re.DOTALL)
"""A password with a slash, ``?`` or ``#``, which should be encoded; a port is not one."""
_SECRET_PARAMETER: Final = re.compile(
    r"[?&][^=&#]*(?:password|passwd|passphrase|secret|token|signature|credential|api_?key|account_?key)[^=&#]*=[^&#]*",
    re.IGNORECASE,
)
_RELATIVE_FILE: Final = re.compile(r"(?P<start>sqlite(?:\+\w+)?:///)(?P<path>[^/:?#][^:]*)", re.IGNORECASE)
"""Of URLs, only those of SQLite may have a relative path: after three slashes, where others have an absolute one."""


def is_url(output: str | Path) -> bool:
    """Tell whether an output is a URL."""
    return isinstance(output, str) and _URL.match(output) is not None


def parse_output(value: object) -> object:
    """
    Convert a path to a text, in which ``~/`` is the home folder of the user; other values are returned as they are.

    Raises:
        ValueError: It is neither the name of a file nor a URL.
    """
    output = str(value) if isinstance(value, Path) else value
    if isinstance(output, str) and output.startswith("~/"):
        output = str(Path(output).expanduser())
    if isinstance(output, str) and output and not is_url(output) and Path(output).name in ("", ".."):
        raise ValueError("this is neither the name of a file nor a URL")
    return output


def strip_credentials(output: str) -> str:
    """
    Remove the password of a URL, and the parameters of its query that are secret. The name of the user stays.

    A path is returned as it is.
    """
    found = _URL.match(output)
    if found is None:
        return output
    rest = _without_secret_parameters(_without_password(found["rest"]))
    return f"{found['scheme']}://{rest}"


def _without_password(rest: str) -> str:
    end = next((place for place, character in enumerate(rest) if character in "/?#"), len(rest))
    userinfo, at, host = rest[:end].rpartition("@")
    if at:
        return f"{userinfo.partition(':')[0]}@{host}{rest[end:]}"
    unusual = _UNENCODED_PASSWORD.match(rest)
    return f"{unusual['user']}@{unusual['rest']}" if unusual else rest


def _without_secret_parameters(rest: str) -> str:
    path, mark, query = rest.partition("?")
    kept = _SECRET_PARAMETER.sub("", mark + query).lstrip("?&")
    return f"{path}?{kept}" if kept else path


def dataset_name(output: str) -> str:
    """
    Return the name of a dataset: the last part of the path or the URL, without the ending of its format.

    It is the fragment of a URL that has one, such as the name of a table in a database.
    """
    path = Path(output).name
    if is_url(output):
        address, _, fragment = strip_credentials(output).partition("#")
        path = unquote(fragment) or address.partition("?")[0]
    last = next((part for part in reversed(path.split("/")) if part and not part.endswith(":")), "")
    name = PurePosixPath(last.rpartition("@")[2].lstrip(".").removesuffix(".gz"))
    return (name.stem if name.suffix.lower() in _ENDINGS else name.name) or "dataset"


def locate_output(output: str, root: Path) -> str:
    """Return the output for a storage: an absolute path, or a URL, whose path begins in the root if it is relative."""
    if not is_url(output):
        return str((root / output).absolute())
    relative = _RELATIVE_FILE.fullmatch(output)
    return f"{relative['start']}{(root / relative['path']).absolute()}" if relative else output


def output_label(output: Path | str) -> str:
    """Return the name of an output for messages: that of the file, or the URL without credentials."""
    return output.name if isinstance(output, Path) else strip_credentials(output)


def run_folder(output: str, root: Path) -> Path:
    """
    Return the folder of the run with an output.

    It is next to a file. For a URL it is in the root, and its name contains a hash of the URL without credentials.
    """
    if is_url(output):
        digest = hashlib.sha256(strip_credentials(output).encode()).hexdigest()[:8]
        name = re.sub(r"[^\w-]", "_", dataset_name(output))
        return (root / f"{name}-{digest}{SUFFIX}").absolute()
    path = (root / output).absolute()
    return path.with_name(f"{path.name}{SUFFIX}")


def choose_storage(instances: Instances, output: str) -> str:
    """
    Return the name of the storage for an output. For a URL, a storage of its scheme precedes one of its file ending.

    Raises:
        ConfigurationError: No installed storage has a pattern that matches.
    """
    if is_url(output):
        address = strip_credentials(output).partition("?")[0]
        scheme, _, path = address.partition("://")
        of_scheme = set(instances.find_matching_names(STORAGE, f"{scheme}://"))
        of_ending = set(instances.find_matching_names(STORAGE, path)) - of_scheme
        names = instances.find_matching_names(STORAGE, address)
        names = [name for name in names if name not in of_ending]
    else:
        names = instances.find_matching_names(STORAGE, Path(output).name)
    if names:
        return names[0]
    supported = ", ".join(instances.list_patterns(STORAGE)) or "none"
    raise ConfigurationError(
        f"No installed storage matches the output {strip_credentials(output)!r}. Supported outputs: {supported}.",
        hint=_storage_hint(output),
    )


def check_storage(name: str, patterns: Collection[str], output: str) -> None:
    """
    Check that a storage which the specification names is not one for files if the output is a URL.

    Raises:
        ConfigurationError: It is: it would create folders with the parts of the URL as names.
    """
    if is_url(output) and patterns and not any("://" in pattern for pattern in patterns):
        raise ConfigurationError(
            f"The storage {name!r} writes files, and the output {strip_credentials(output)!r} is a URL.",
            hint="Set output to the path of a file, or remove `storage`: the URL chooses one.",
        )


def _storage_hint(output: str) -> str:
    lowered = output.lower()
    for pattern, distribution in _DISTRIBUTIONS.items():
        if fnmatchcase(lowered, pattern) and (not is_url(output) or "://" in pattern):
            return f"{install_hint(distribution)}. Or change output."
    if is_url(output):
        return "Change output, or install a plugin that stores such a URL."
    return 'Change output, or name the storage: storage = "jsonl".'
