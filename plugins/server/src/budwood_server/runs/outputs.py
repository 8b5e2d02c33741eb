"""
Where the rows of a run are stored: in a file of the server, or at a place of its own in a storage of the operator.

The operator fixes the beginning of the URL and the credentials in the section of the storage. The server adds the owner
and the id of the run, so that no run can write where another one does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from budwood.errors import ConfigurationError
from budwood.names import normalise
from budwood_server.runs.document_folder import refuse
from budwood_server.runs.folders import OUTPUT

if TYPE_CHECKING:
    from budwood.settings import Settings

FILE: Final = "jsonl"
"""The storage of runs whose rows the server keeps in a file."""

_FILE_NAME: Final = re.compile(r"[^/\\:\0]{1,200}\.jsonl")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_FIXED: Final = re.compile(r"(?:s3://|(?:postgresql|postgres)://|sqlite:////)[^\s?#@\\]+")
_PART: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_FOLDER: Final = re.compile(rf"{_PART}(?:/{_PART}){{0,7}}")
_TABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,19}")


@dataclass(frozen=True, slots=True)
class RunStorage:
    """
    A storage of the operator that runs may write to.

    Attributes:
        name: Its name in ``[storages.NAME]``.
        url: The bucket with a prefix, or the database, without a slash at its end.
    """

    name: str
    url: str

    @property
    def start(self) -> str:
        """What the URLs of outputs begin with."""
        return f"{self.url}/" if self._is_bucket else f"{self.url}#"

    @property
    def _is_bucket(self) -> bool:
        return self.url.startswith("s3:")

    def locate(self, output: object, owner: str, run_id: str) -> str:
        """
        Return the URL at which a run stores its rows: below the prefix, or a table of the database.

        Args:
            output: What the specification says; None for no name.
            owner: Who owns the run.
            run_id: Its id.

        Raises:
            ProblemError: 400: it is not below the URL of the storage.
        """
        name = self._find_name(output)
        if not self._is_bucket:
            return f"{self.start}{name}_{run_id}" if name else f"{self.start}{run_id}"
        return "/".join([self.url, quote(owner, safe=""), run_id, *filter(None, [name])])

    def _find_name(self, output: object) -> str:
        """Return what an output has after the URL of the storage."""
        if output is None or output == self.url:
            return ""
        name = output.removeprefix(self.start) if isinstance(output, str) and output.startswith(self.start) else ""
        if not (_FOLDER if self._is_bucket else _TABLE).fullmatch(name):
            kind = "a folder" if self._is_bucket else "a table of at most 20 letters, digits and underscores"
            raise refuse(
                "output",
                f"the storage {self.name!r} does not permit it",
                hint=f'Leave output out, or name {kind}: "{self.start}NAME".',
            )
        return name


def load_storages(settings: Settings, names: Iterable[str]) -> dict[str, RunStorage]:
    """
    Return the storages that runs may write to, by their names.

    Args:
        settings: Have their sections.
        names: ``storages`` of ``[server.runs]``.

    Raises:
        ConfigurationError: One of them has no section, or does not fix a URL without credentials.
    """
    found = (_load_storage(settings, normalise(name)) for name in names)
    return {storage.name: storage for storage in found}


def _load_storage(settings: Settings, name: str) -> RunStorage:
    section = settings.instance_settings("storages", name)
    url, where = section.get("output"), f"[storages.{name}]"
    if name == FILE or not isinstance(url, str) or not _FIXED.fullmatch(url):
        raise ConfigurationError(
            f"[server.runs] storages: {where} does not set the output of runs to a URL that they can use.",
            hint=f'Set output in {where} to "s3://bucket/prefix", "postgresql://host/database" or "sqlite:////data/rows'
            '.sqlite", without credentials and options: these are settings of their own.',
        )
    if "table" in section:
        raise ConfigurationError(
            f"[server.runs] storages: {where} sets a table, and each run has one of its own.", hint="Remove table."
        )
    return RunStorage(name, url.rstrip("/"))


@dataclass(frozen=True, slots=True)
class RunOutputs:
    """
    Chooses the output of a run.

    Attributes:
        storages: The storages that runs may write to, by their names.
        owner: Who owns the run.
        run_id: Its id.
    """

    storages: Mapping[str, RunStorage]
    owner: str
    run_id: str

    def choose(self, table: Mapping[str, Any]) -> dict[str, str]:
        """
        Return ``output`` of a specification, and ``storage`` unless the server keeps the rows in a file.

        Raises:
            ProblemError: 400; the message names the field.
        """
        name, output = self._find_storage(table.get("storage", FILE)), table.get("output")
        if name == FILE:
            self._check_file(OUTPUT if output is None else output)
            return {"output": OUTPUT}
        return {"output": self.storages[name].locate(output, self.owner, self.run_id), "storage": name}

    def _find_storage(self, choice: object) -> str:
        name = choice.get("plugin") if isinstance(choice, dict) else choice
        if not isinstance(name, str) or normalise(name) not in (FILE, *self.storages):
            shown = f"{name!r} is not available on this server" if isinstance(name, str) else "expected a storage"
            raise refuse("storage", shown, hint=f"Use one of {', '.join([FILE, *sorted(self.storages)])}.")
        if isinstance(choice, dict) and len(choice) > 1:
            raise refuse("storage", "it takes no settings")
        return normalise(name)

    def _check_file(self, value: object) -> None:
        if isinstance(value, str) and _URL.match(value):
            permitted = [f'storage = "{each.name}" for {each.start}…' for each in self.storages.values()]
            raise refuse(
                "output",
                "no profile is configured for this URL" if not permitted else "a URL needs its storage",
                hint=f"Set {', or '.join(permitted)}." if permitted else f'Leave output out, or name "{OUTPUT}".',
            )
        if not isinstance(value, str) or not _FILE_NAME.fullmatch(value) or value.startswith((".", "~")):
            raise refuse(
                "output",
                "expected the name of a .jsonl file, without a folder",
                hint="Rows are stored as JSON lines. GET /api/runs/{id}/export has other formats.",
            )


def check_permitted(source: Mapping[str, Any], storages: Mapping[str, RunStorage]) -> None:
    """
    Check that a run may still write to the storage that it was submitted with.

    Raises:
        ConfigurationError: The operator has removed it from ``storages``, or changed its URL.
    """
    name = source.get("storage")
    if name is None or ((storage := storages.get(name)) and str(source["output"]).startswith(storage.start)):
        return
    raise ConfigurationError(
        f"The run may not write to the storage {name!r} any more.",
        hint="Ask the operator of the server to permit it in [server.runs], with the same output. Then resume the run.",
    )
