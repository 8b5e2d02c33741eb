"""
Write the Homebrew formula of a release, ``dist/budwood.rb``, from the template ``budwood.rb``.

.. code-block:: console

    $ python plugins/cli/packaging/formula.py --homepage https://… --files https://…

``--files`` is where the sdists of ``dist/`` will be downloaded from. Their checksums are computed. uv, which must be
installed, finds the other packages that the command needs on macOS, with their addresses and checksums.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Final
from urllib.parse import unquote, urlsplit

HERE: Final = Path(__file__).resolve().parent
PYTHON: Final = "3.13"
"""The version of Python that the template depends on."""
PURE: Final = "-py3-none-any.whl"


@dataclass(frozen=True)
class Source:
    """
    A package as Homebrew downloads it.

    Attributes:
        name: The normalized name of the distribution.
        url: The address of its sdist, or of a wheel for all platforms if there is none.
        sha256: The checksum, as hexadecimal digits.
    """

    name: str
    url: str
    sha256: str

    def render(self) -> str:
        """Return the block of a formula that declares it."""
        return f'resource "{self.name}" do\n    url "{self.url}"\n    sha256 "{self.sha256}"\n  end'


def read_plugins() -> list[str]:
    """Return the plugins that every installation has, from install.sh."""
    script = (HERE / "install.sh").read_text(encoding="utf-8")
    return script.partition("\nplugins='")[2].partition("'")[0].split()


def lock(dist: Path) -> dict[str, Any]:
    """
    Let uv select the packages that the command and its plugins need, and return the lock file (PEP 751).

    Raises:
        SystemExit: uv is not installed, or found no selection; its message is above.
    """
    constraints = [f"{name}=={find_version(dist, name)}" for name in ("budwood", "budwood-cli", *read_plugins())]
    with tempfile.TemporaryDirectory() as folder:
        requirements, output = Path(folder, "requirements.in"), Path(folder, "pylock.toml")
        requirements.write_text("\n".join(constraints), encoding="utf-8")
        options = ["--format", "pylock.toml", "--find-links", str(dist), "--no-config", "--quiet"]
        target = ["--python-platform", "macos", "--python-version", PYTHON]
        command = ["uv", "pip", "compile", *options, *target, str(requirements), "--output-file", str(output)]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            raise SystemExit("uv was not found. Install it: pip install uv") from None
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None
        return tomllib.loads(output.read_text(encoding="utf-8"))


def find_version(dist: Path, name: str) -> str:
    """
    Return the version of a distribution in ``dist``.

    Raises:
        SystemExit: There is no sdist, or there are several.
    """
    prefix = name.replace("-", "_") + "-"
    versions = [path.name.removeprefix(prefix).removesuffix(".tar.gz") for path in dist.glob(f"{prefix}*.tar.gz")]
    if len(versions) != 1:
        raise SystemExit(f"{dist} must have one sdist of {name}, and has {len(versions)}. Build it: nox -s wheels")
    return versions[0]


def read_sources(locked: dict[str, Any], files: str) -> Iterator[Source]:
    """
    Yield the packages of a lock file. Those from a folder get addresses below ``files``.

    Raises:
        SystemExit: A package has no archive that Homebrew installs on each platform.
    """
    for package in locked["packages"]:
        pure = [wheel for wheel in package.get("wheels", ()) if wheel["url"].endswith(PURE)]
        archive = package.get("sdist") or next(iter(pure), None)
        if archive is None:
            raise SystemExit(f"{package['name']} has neither an sdist nor a wheel for all platforms.")
        address = urlsplit(archive["url"])
        url = address.geturl()
        if address.scheme == "file":
            url = f"{files.rstrip('/')}/{Path(unquote(address.path)).name}"
        yield Source(package["name"], url, archive["hashes"]["sha256"])


def render(sources: list[Source], homepage: str) -> str:
    """Return the formula."""
    (main,) = (source for source in sources if source.name == "budwood-cli")
    template = (HERE / "budwood.rb").read_text(encoding="utf-8").partition("\n")[2]
    resources = "\n\n  ".join(source.render() for source in sources if source != main)
    return Template(template).substitute(homepage=homepage, url=main.url, sha256=main.sha256, resources=resources)


def main() -> None:
    """Write the formula."""
    parser = argparse.ArgumentParser(description="Write the Homebrew formula of a release.")
    parser.add_argument("--homepage", required=True, help="the address of the project's page")
    parser.add_argument("--files", required=True, help="the address below which the sdists will be downloaded")
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="the folder with the sdists; by default dist")
    arguments = parser.parse_args()
    sources = list(read_sources(lock(arguments.dist.resolve()), arguments.files))
    formula = arguments.dist / "budwood.rb"
    formula.write_text(render(sources, arguments.homepage), encoding="utf-8")
    print(formula)


if __name__ == "__main__":
    main()
