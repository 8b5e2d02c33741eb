"""The names of a new plugin, derived from the name that users type."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Final

from packaging.utils import canonicalize_name

from budwood_cli.errors import ArgumentError

MAX_LENGTH: Final = 30

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

_TAKEN_TITLES: Final = frozenset({"Base", "OpenAIChat", "OpenAICompatible", "Wire"})
"""Titles that would give classes the names of imported ones, such as `BaseProvider`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """
    The names of a plugin's parts.

    Attributes:
        name: The name that users type, which is the name of the entry point.
        module: The Python module.
    """

    name: str
    module: str

    @classmethod
    def of(cls, name: str, module: str | None = None) -> Names:
        """
        Check the names of a plugin.

        Args:
            name: The normalized name, such as ``my-vendor``.
            module: The module. By default ``budwood_`` and the name.

        Raises:
            ArgumentError: A name is not valid. The hint says what is.
        """
        _check_name(name)
        module = f"budwood_{name.replace('-', '_')}" if module is None else module
        _check_module(module)
        return cls(name=name, module=module)

    @property
    def distribution(self) -> str:
        """The name of the distribution."""
        return f"budwood-{self.name}"

    @property
    def title(self) -> str:
        """The prefix of class names."""
        return _title_of(self.name)

    @property
    def variable(self) -> str:
        """The part of the name in environment variables."""
        return self.name.replace("-", "_").upper()


def _title_of(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _check_name(name: str) -> None:
    usual = canonicalize_name(name).strip("-").removeprefix("budwood-")
    if name.startswith(("budwood-", "budwood_")):
        raise ArgumentError(
            f"The name must not start with budwood: use {usual!r}.", hint="The distribution gets this prefix."
        )
    if not _NAME.fullmatch(name):
        suggestion = f" For example: {usual!r}." if _NAME.fullmatch(usual) else ""
        raise ArgumentError(
            f"{name!r} is not a valid plugin name.",
            hint=f"Use lower-case letters, digits and single hyphens. Start with a letter.{suggestion}",
        )
    if len(name) > MAX_LENGTH:
        raise ArgumentError(f"The name has {len(name)} characters.", hint=f"Use at most {MAX_LENGTH}.")
    if _title_of(name) in _TAKEN_TITLES or name in reserved_names():
        raise ArgumentError(f"Budwood already uses the name {name!r}.", hint="Choose another name.")


def _check_module(module: str) -> None:
    if not module.isascii() or not module.isidentifier() or module != module.lower():
        raise ArgumentError(
            f"{module!r} is not a valid module name.", hint="Use lower-case letters, digits and underscores."
        )
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise ArgumentError(f"{module!r} is a Python keyword.", hint="Choose another --module.")
    if module in sys.stdlib_module_names:
        raise ArgumentError(
            f"{module!r} would hide a module of Python's standard library.",
            hint="Choose another --module.",
        )
    if module == "budwood" or (module.startswith("budwood_") and canonicalize_name(module[8:]) in reserved_names()):
        raise ArgumentError(f"Budwood already has the package {module!r}.", hint="Choose another --module.")


def reserved_names() -> frozenset[str]:
    """Return the names of Budwood's plugins and distributions, installed or not."""
    from budwood.plugins.first_party import first_party_plugins

    plugins = first_party_plugins()
    distributions = (name.removeprefix("budwood-") for name in plugins)
    return frozenset(
        {*distributions, *(name for kinds in plugins.values() for names in kinds.values() for name in names)}
    )
