"""Change a ``budwood.toml``: its comments and its order stay, and the former file is kept as ``budwood.toml.bak``."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budwood.errors import ConfigurationError
from budwood.providing import replace_file, write_file_atomically
from budwood.settings import user_folder
from budwood.settings_sources import FILE_NAME, parse_toml
from budwood_cli import terminal
from budwood_cli.errors import ArgumentError
from budwood_cli.setting_keys import find_key, format_key, parse_key
from budwood_cli.setting_problems import find_text_problems
from budwood_cli.setting_secrets import find_secrets, mask_comments

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def project_file() -> Path:
    """Return the path of the settings of the current folder. It may not exist."""
    return Path.cwd() / FILE_NAME


def user_file() -> Path:
    """Return the path of the user's settings. It may not exist."""
    return user_folder("config") / FILE_NAME


class ChangedMeanwhileError(ConfigurationError):
    """Another program changed the file after it was read. Nothing was written."""


class SettingsFile:
    """
    A settings file that is being edited. Nothing is written before `save`.

    Args:
        path: The file. It may not exist yet.

    Attributes:
        path: The file.
        tree: Its content with the changes so far, as plain values.

    Raises:
        ConfigurationError: The file cannot be read, or is not valid TOML.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._data = read_bytes(path)
        self._before = decode(self._data or b"", path)
        self._document: TOMLDocument | None = None
        self.tree = parse_toml(self._before, where=str(path))

    @property
    def exists(self) -> bool:
        """Whether the file existed when it was read."""
        return self._data is not None

    @property
    def text(self) -> str:
        """The content with the changes so far."""
        if self._document is None:
            return self._before
        text = self._document.as_string()
        has_windows_lines = "\r\n" in self._before
        return text.replace("\r\n", "\n").replace("\n", "\r\n") if has_windows_lines else text

    @property
    def is_changed(self) -> bool:
        """Whether `save` would write anything."""
        return self.text != self._before

    def set(self, key: str | Sequence[str], value: object) -> None:
        """
        Set a key; tables that it needs are created.

        Args:
            key: A dotted key as in TOML, or its parts.
            value: A text, number, bool, date, list or table.

        Raises:
            ArgumentError: The key is not valid, or a part of it is a value.
            ConfigurationError: The document is written in a form that cannot be edited.
        """
        import tomlkit

        *above, last = self._resolve(key)
        expected = _copy(self.tree)
        _parent(expected, above)[last] = value
        table: Any = self._editable()
        for number, step in enumerate(above):
            if step not in table:
                is_inline = isinstance(table, tomlkit.items.InlineTable)
                table[step] = tomlkit.inline_table() if is_inline else tomlkit.table(number < len(above) - 1)
            table = table[step]
        table[last] = value
        self._check(expected)

    def unset(self, key: str | Sequence[str]) -> bool:
        """
        Remove a key or a table, and the section that has it if nothing is left there.

        Returns:
            Whether it was there.

        Raises:
            ArgumentError: The key is not valid.
            ConfigurationError: The document is written in a form that cannot be edited.
        """
        *above, last = self._resolve(key)
        expected = _copy(self.tree)
        parent = _parent(expected, above)
        if last not in parent:
            return False
        del parent[last]
        table: Any = self._editable()
        tables = [table, *(table := table[step] for step in above)]
        del table[last]
        _remove_empty(tables, above)
        self._check(_prune(expected, above, self._plain()))
        return True

    def get(self, key: str | Sequence[str]) -> object:
        """Return a value or a table; None if the file does not have it."""
        value: Any = self.tree
        for step in self._resolve(key):
            if not isinstance(value, dict) or step not in value:
                return None
            value = value[step]
        return value

    def diff(self) -> str:
        """Return the changes as a unified diff, without secrets; empty if there are none."""
        old, new = _mask_texts(self._before, self.text)
        name = terminal.short_path(self.path)
        return "".join(
            line if line.endswith("\n") else f"{line}\n"
            for line in difflib.unified_diff(_lines(old), _lines(new), name, name)
        )

    def save(self) -> Path | None:
        """
        Write the changes atomically, and keep the former file beside it.

        Returns:
            The path of the former file; None if there was none, or nothing changed.

        Raises:
            ConfigurationError: A change is not valid. Mistakes that the file already had are none.
            ChangedMeanwhileError: The file changed after it was read.
            OSError: It cannot be written; the old file is unchanged.
        """
        if not self.is_changed:
            return None
        self.check()
        mark = _BYTE_ORDER_MARK if (self._data or b"").startswith(_BYTE_ORDER_MARK) else b""
        backup = replace_settings(self.path, mark + self.text.encode(), self._data)
        self._before, self._data = self.text, mark + self.text.encode()
        return backup

    def check(self) -> None:
        """
        Check that the changes are valid settings.

        Raises:
            ConfigurationError: They are not. Mistakes that the file already had are none.
        """
        before = {(problem.key, problem.message) for problem in find_text_problems(self._before, str(self.path))}
        problems = [
            problem
            for problem in find_text_problems(self.text, str(self.path))
            if not problem.is_warning and (problem.key, problem.message) not in before
        ]
        if problems:
            raise ConfigurationError("; ".join(problem.message for problem in problems) + ".")

    def _resolve(self, key: str | Sequence[str]) -> list[str]:
        """Return the parts of a key as the file writes them."""
        path = parse_key(key) if isinstance(key, str) else tuple(key)
        resolved: list[str] = []
        table: Any = self.tree
        for number, step in enumerate(path):
            if table is not None and not isinstance(table, dict):
                raise ArgumentError(
                    f"{format_key(path[:number])} is a value, not a table, so it has no {format_key([step])}.",
                    hint="A list is set as a whole.",
                )
            resolved.append(find_key(table or {}, step, path[:number]))
            table = table.get(resolved[-1]) if table is not None else None
        return resolved

    def _editable(self) -> TOMLDocument:
        import tomlkit

        if self._document is None:
            try:
                self._document = tomlkit.parse(self._before)
            except ValueError:  # what the standard library accepts and tomlkit does not
                raise self._error() from None
        return self._document

    def _plain(self) -> dict[str, Any]:
        return parse_toml(self.text, where=str(self.path))

    def _check(self, expected: dict[str, Any]) -> None:
        """Check that the document means what it should; some ways to write tables cannot be edited."""
        try:
            is_right = self._plain() == expected
        except ConfigurationError:
            is_right = False
        if not is_right:
            self._document, self.tree = None, parse_toml(self._before, where=str(self.path))
            raise self._error()
        self.tree = expected

    def _error(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self.path}: it is written in a form that cannot be changed automatically.",
            hint="Change it by hand: `budwood config edit`.",
        )


def read_bytes(path: Path) -> bytes | None:
    """
    Read a file; return None if there is none.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}.") from error


def decode(data: bytes, path: Path) -> str:
    """
    Decode a settings file.

    Raises:
        ConfigurationError: It is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = error.start
    raise ConfigurationError(f"{path}: not valid UTF-8 at byte {place}.", hint="Save the file as UTF-8.")


def replace_settings(path: Path, data: bytes, before: bytes | None) -> Path | None:
    """
    Write a settings file atomically if it still has the content ``before``, and keep that in ``NAME.bak``.

    A new file with secrets can be read only by its owner.

    Returns:
        The path of the former file, if there was one.

    Raises:
        ChangedMeanwhileError: It has another content by now.
        OSError: It cannot be written; the old file is unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()  # a link to the file stays a link
    _check_unchanged(target, before)
    backup = _keep(target, before) if before is not None else None
    part = target.with_name(f".{target.name}.{os.urandom(8).hex()}.part")
    with replace_file(target, part):
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if _has_secrets(data) else 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        _check_unchanged(target, before)
    return backup


def _keep(target: Path, data: bytes) -> Path:
    """Copy a file to ``NAME.bak``, with its permissions."""
    backup = target.with_name(f"{target.name}.bak")
    mode = stat.S_IMODE(target.stat().st_mode)
    if backup.exists():
        backup.chmod(mode)
    write_file_atomically(backup, data)
    backup.chmod(mode)
    return backup


def _check_unchanged(target: Path, before: bytes | None) -> None:
    if read_bytes(target) != before:
        raise ChangedMeanwhileError(
            f"{target}: another program changed the file meanwhile, so nothing was written.",
            hint="Look at the file, and try again.",
        )


def _parent(tree: dict[str, Any], above: Sequence[str]) -> dict[str, Any]:
    """Return a table, which is created if it is missing."""
    for step in above:
        tree = tree.setdefault(step, {})
    return tree


def _remove_empty(tables: Sequence[Any], names: Sequence[str]) -> None:
    """Remove sections that have neither keys nor comments, the inner ones first."""
    from tomlkit import TOMLDocument
    from tomlkit.items import Table

    for parent, child, name in zip(tables[-2::-1], tables[:0:-1], reversed(names), strict=True):
        if not (isinstance(parent, Table | TOMLDocument) and isinstance(child, Table)) or child.as_string().strip():
            return
        del parent[name]


def _prune(expected: dict[str, Any], above: Sequence[str], actual: dict[str, Any]) -> dict[str, Any]:
    """Accept that a table disappears with its last key."""
    for number in range(len(above), 0, -1):
        parent, found = _parent(expected, above[: number - 1]), _parent(_copy(actual), above[: number - 1])
        if parent.get(above[number - 1]) == {} and above[number - 1] not in found:
            del parent[above[number - 1]]
    return expected


def _copy(value: Any) -> Any:  # noqa: ANN401 - a value of TOML
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _mask_texts(old: str, new: str) -> tuple[str, str]:
    """Return two versions of a document without secrets; a secret that changed is shown as changed."""
    masks: dict[str, str] = {}
    shown = []
    for text in (old, new):
        for raw, masked in _raw_secrets(text):
            if raw not in masks:
                masks[raw] = f"{masked} (new)" if masked in masks.values() and text is new else masked
        masked_text = text
        for raw in sorted(masks, key=len, reverse=True):
            masked_text = masked_text.replace(raw, f'"{masks[raw]}"')
        shown.append(mask_comments(masked_text))
    return shown[0], shown[1]


def _has_secrets(data: bytes) -> bool:
    """Tell whether a document has secrets, or may have some because it is not valid."""
    try:
        return bool(_raw_secrets(data.decode("utf-8-sig")))
    except ValueError:
        return True


def _raw_secrets(text: str) -> list[tuple[str, str]]:
    """Return the secrets of a document as they are written in it, each with what is shown in its place."""
    import tomlkit

    return [(secret.as_string(), shown) for secret, shown in find_secrets(tomlkit.parse(text))]
