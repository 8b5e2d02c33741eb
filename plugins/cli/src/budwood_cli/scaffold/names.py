"""The names of a new plugin, all made from the one that users will type."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Final

from packaging.utils import canonicalize_name

from budwood_cli.errors import ArgumentError

LONGEST: Final = 30

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

_TAKEN_TITLES: Final = frozenset({"Base", "OpenAIChat", "OpenAICompatible", "Wire"})
"""With these, classes would be called as those that the templates import, such as `BaseProvider`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """
    What the parts of a plugin are called.

    Attributes:
        name: What users type: the name of the entry point.
        module: What is imported.
    """

    name: str
    module: str

    @classmethod
    def of(cls, name: str, module: str | None = None) -> Names:
        """
        Check the names of a plugin.

        Args:
            name: In the form in which names are compared: ``my-vendor``.
            module: By default ``budwood_`` and the name.

        Raises:
            ArgumentError: One cannot be used; the hint says which could.
        """
        _check_name(name)
        module = f"budwood_{name.replace('-', '_')}" if module is None else module
        _check_module(module)
        return cls(name=name, module=module)

    @property
    def distribution(self) -> str:
        """What pip installs."""
        return f"budwood-{self.name}"

    @property
    def title(self) -> str:
        """What names of classes begin with."""
        return _title_of(self.name)

    @property
    def variable(self) -> str:
        """What names of environment variables hold."""
        return self.name.replace("-", "_").upper()


def _title_of(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def _check_name(name: str) -> None:
    usual = canonicalize_name(name).strip("-").removeprefix("budwood-")
    if name.startswith(("budwood-", "budwood_")):
        raise ArgumentError(
            f"The name is what users type, without budwood: {usual!r}.", hint="The distribution gets the prefix."
        )
    if not _NAME.fullmatch(name):
        nearest = f" {usual!r} would do." if _NAME.fullmatch(usual) else ""
        raise ArgumentError(
            f"{name!r} is no name of a plugin.",
            hint=f"Use lower-case letters and digits, with single hyphens between, and begin with a letter.{nearest}",
        )
    if len(name) > LONGEST:
        raise ArgumentError(f"The name has {len(name)} characters.", hint=f"Use {LONGEST} at most.")
    if _title_of(name) in _TAKEN_TITLES or name in ours():
        raise ArgumentError(f"{name!r} is a name of Budwood's own.", hint="Choose another one.")


def _check_module(module: str) -> None:
    if not module.isascii() or not module.isidentifier() or module != module.lower():
        raise ArgumentError(
            f"{module!r} is no name of a module.", hint="Use lower-case letters, digits and underscores."
        )
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise ArgumentError(f"{module!r} is a word of Python itself.", hint="Choose another --module.")
    if module in sys.stdlib_module_names:
        raise ArgumentError(
            f"{module!r} is a module of Python's standard library, which it would hide.",
            hint="Choose another --module.",
        )
    if module == "budwood" or (module.startswith("budwood_") and canonicalize_name(module[8:]) in ours()):
        raise ArgumentError(f"{module!r} is a package of Budwood's own.", hint="Choose another --module.")


def ours() -> frozenset[str]:
    """Name what plugins and distributions of ours are called, installed or not."""
    from budwood.plugins.own import own_plugins

    plugins = own_plugins()
    distributions = (name.removeprefix("budwood-") for name in plugins)
    return frozenset(
        {*distributions, *(name for kinds in plugins.values() for names in kinds.values() for name in names)}
    )
