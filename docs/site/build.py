"""
Build the documentation site in ``build/site/html``; ``nox -s site`` does so, and tests the result.

.. code-block:: console

    $ python docs/site/build.py           # aborts at a broken link
    $ python docs/site/build.py --serve   # and then serves the site on loopback

The pages of the site are Markdown files of this repository, and keep their links to each other. Only two things are
generated: the commands' options and the documentation of the public names, which stand for a comment or for a list of
names in the pages of ``docs/reference``.
"""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
FOLDER: Final = ROOT / "build" / "site"
PAGES: Final = FOLDER / "pages"
HTML: Final = FOLDER / "html"
CONFIGURATION: Final = HERE / "zensical.toml"

LINK: Final = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")
FENCE: Final = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
NAME: Final = re.compile(r"^- `(budwood(?:\.\w+)+)`$", re.MULTILINE)
ERRORS: Final = "    options:\n      inherited_members: false\n      show_bases: true\n"
"""Options for classes of errors, whose attributes are those of `BudwoodError` and `ProviderError`."""
COMMANDS: Final = "<!-- generated: commands -->"
SWITCHES: Final = "<!-- generated: switches -->"
WIDE: Final = {"docs/index.md": "---\nhide:\n  - navigation\n  - toc\n---\n\n"}
"""Metadata of pages without lists at their sides; a code host would show them as a table."""


def sources() -> dict[str, str]:
    """Return the files of the site, by their paths in the repository, and with their paths on the site."""
    docs = [path.relative_to(ROOT) for path in sorted((ROOT / "docs").rglob("*")) if path.is_file()]
    skipped = ("__pycache__", "docs/site/")
    paths = {
        path.as_posix(): path.relative_to("docs").as_posix()
        for path in docs
        if not any(part in path.as_posix() for part in skipped)
    }
    for readme in sorted(ROOT.glob("plugins/*/README.md")):
        paths[readme.relative_to(ROOT).as_posix()] = f"plugins/{readme.parent.name}.md"
    return paths | {
        "CHANGELOG.md": "changelog.md",
        "LICENSE": "LICENSE.txt",
        "tests/reports/README.md": "reported-faults.md",
        "docs/site/stylesheets/site.css": "stylesheets/site.css",
    }


def copy_pages() -> None:
    """Copy the sources to ``build/site/pages``, with their links adapted and the reference generated."""
    shutil.rmtree(PAGES, ignore_errors=True)
    paths = sources()
    for source, target in paths.items():
        copy = PAGES / target
        copy.parent.mkdir(parents=True, exist_ok=True)
        if target.endswith(".md"):
            text = _adapt_links((ROOT / source).read_text("utf-8"), source, paths)
            copy.write_text(WIDE.get(source, "") + _add_reference(text), "utf-8")
        else:
            shutil.copyfile(ROOT / source, copy)


def _adapt_links(text: str, source: str, paths: dict[str, str]) -> str:
    """Replace relative links to files of the repository by links within the site. Code stays unchanged."""

    def replace(match: re.Match[str]) -> str:
        target = os.path.normpath(Path(source).parent / match[0])
        if target == "README.md":
            target = "docs/index.md"
        if target not in paths:
            raise SystemExit(f"{source}: the link to {match[0]} leads to a file that is not part of the site.")
        return os.path.relpath(paths[target], Path(paths[source]).parent)

    return "".join(part if place % 2 else LINK.sub(replace, part) for place, part in enumerate(FENCE.split(text)))


def _add_reference(text: str) -> str:
    """Replace names by their documentation, and the comment in the page of the commands by the commands."""
    if COMMANDS in text:
        from commands import render_commands, render_switches

        text = text.replace(COMMANDS, render_commands()).replace(SWITCHES, render_switches())
    return NAME.sub(lambda match: f"::: {match[1]}\n{ERRORS if match[1].endswith('Error') else ''}", text)


def pages_in_navigation() -> Iterator[str]:
    """Yield the pages that the navigation lists, by their paths on the site."""
    entries = list(tomllib.loads(CONFIGURATION.read_text("utf-8"))["project"]["nav"])
    while entries:
        entry = entries.pop(0)
        value = entry if isinstance(entry, str) else next(iter(entry.values()))
        if isinstance(value, str):
            yield value
        else:
            entries[:0] = value


def build() -> None:
    """Build the site. Aborts with the messages of the generator if a link or an anchor has no target."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    copy_pages()
    shutil.copyfile(CONFIGURATION, FOLDER / "zensical.toml")
    shutil.rmtree(HTML, ignore_errors=True)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    run = subprocess.run(command, cwd=FOLDER, check=False, env=os.environ | {"PYTHONWARNINGS": "ignore"})
    if run.returncode:
        raise SystemExit(f"The site was not built (exit status {run.returncode}). The paths are those in {PAGES}.")


def serve() -> None:
    """Serve the site on loopback until Ctrl-C."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=HTML)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    build()
    print(HTML / "index.html")
    if "--serve" in sys.argv[1:]:
        serve()
