"""Packages of new plugins: their files, created from templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from budwood_cli.errors import ArgumentError
from budwood_cli.scaffold.kinds import DESCRIPTIONS, PATTERNS, Family, KindOfPlugin, group_of, template_folders
from budwood_cli.scaffold.names import Names

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SUFFIX: Final = ".template"
_VERBATIM: Final = frozenset({"LICENSE"})

_DEVELOPMENT: Final = """
## Development

```console
$ python -m pip install --editable ".[test,lint]"
$ pytest
$ ruff check && ruff format --check && mypy
```

`grep -rn Change: pyproject.toml README.md src tests` lists the places that still need changes.
"""

_ABOUT_PATTERNS: Final = """
# Change: the patterns after the name are those of the spec. Budwood reads them without importing the module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """
    A package with one plugin.

    Attributes:
        names: The names of its parts.
        kind: The kind of plugin.
        family: The family of a provider.
    """

    names: Names
    kind: KindOfPlugin
    family: Family = Family.OWN

    @property
    def group(self) -> str:
        """The entry-point group."""
        return group_of(self.kind)

    @property
    def requirements(self) -> list[str]:
        """The requirements: Budwood from the present version up to the next incompatible one."""
        bounds = _bounds()
        family = [f"budwood-openai-compatible{bounds}"] if self.family is Family.OPENAI else []
        library = "h11>=0.16" if self.kind is KindOfPlugin.TRANSPORT else "pydantic>=2.11"
        return [f"budwood{bounds}", *family, library]

    def files(self) -> dict[str, str]:
        """Return the text of each file, by its path in the package."""
        values = self._values()
        rendered = {}
        for folder in template_folders(self.kind, self.family):
            for path, text in _templates(files("budwood_cli.scaffold") / "templates" / folder):
                name = Template(path).substitute(values)
                rendered[name] = text if name in _VERBATIM else Template(text).substitute(values)
        return dict(sorted(rendered.items()))

    def write(self, folder: Path) -> list[Path]:
        """
        Write the package to a folder that does not exist, or has only a ``.git`` folder.

        Returns:
            The files that were written.

        Raises:
            ArgumentError: The folder is not empty. No file is overwritten.
            OSError: A file cannot be written.
        """
        _check_empty(folder)
        written = []
        for name, text in self.files().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
            written.append(path)
        return written

    def _values(self) -> Mapping[str, str]:
        from budwood.hooks import API_VERSION

        patterns = PATTERNS.get(self.kind, "")
        return {
            "name": self.names.name,
            "title": self.names.title,
            "variable": self.names.variable,
            "module": self.names.module,
            "distribution": self.names.distribution,
            "description": DESCRIPTIONS[self.kind].format(title=self.names.title),
            "group": self.group,
            "entry_point": f'"{self.names.name} {patterns}"' if patterns else self.names.name,
            "about_patterns": _ABOUT_PATTERNS if patterns else "",
            "requires_api": repr(API_VERSION),
            "requirements": "\n".join(f'  "{requirement}",' for requirement in self.requirements),
            "development": _DEVELOPMENT.rstrip("\n"),
        }


def _templates(folder: Traversable, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each template below a folder."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield f"{path}{entry.name.removesuffix(_SUFFIX)}", entry.read_text("utf-8")


def _check_empty(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ArgumentError(f"{folder} is a file.", hint="Choose another folder with --folder.")
    if any(entry.name != ".git" for entry in folder.iterdir()):
        raise ArgumentError(
            f"{folder} is not empty. No file is overwritten.",
            hint="Choose another folder with --folder.",
        )


def _bounds() -> str:
    """Return the version bounds: from the present version up to the next one that may be incompatible."""
    from packaging.version import Version

    from budwood import __version__

    version = Version(__version__)
    lower = version.public if version.is_prerelease else f"{version.major}.{version.minor}"
    upper = f"0.{version.minor + 1}" if version.major == 0 else f"{version.major + 1}"
    return f">={lower},<{upper}"
