"""Look up known vulnerabilities and yanked releases of pins, and of the versions that are installed today."""

from __future__ import annotations

import ast
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import httpx
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from release.installing import find_wheelhouse
from release.problems import Problem
from release.projects import Release

PIN: Final = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([\w.!+]+)(?:\s*;.*)?")
READ_OPTIONS: Final = """
import json
from pip._internal.commands import create_command
options, _ = create_command("download").parse_args([])
print(json.dumps([options.index_url, options.cert, options.timeout]))
"""
REQUESTS: Final = 8
"""The number of requests at the same time."""


@dataclass(frozen=True)
class Index:
    """
    The package index that pip is configured to use.

    Attributes:
        url: The address of the index, without ``/simple``.
        certificates: The file of certificates that pip is configured to trust, if any.
        timeout: Seconds for each request.
    """

    url: str
    certificates: str | None
    timeout: float

    def client(self) -> httpx.Client:
        """Return a client for HTTP that trusts the same certificates as pip."""
        context = ssl.create_default_context(cafile=self.certificates)
        return httpx.Client(base_url=self.url, verify=context, timeout=self.timeout, follow_redirects=True)


def read_index() -> Index:
    """Return what pip's files, variables and defaults say. pip has no public interface for that."""
    answer = subprocess.run([sys.executable, "-c", READ_OPTIONS], check=True, capture_output=True, text=True).stdout
    url, certificates, timeout = json.loads(answer)
    return Index(re.sub(r"/simple/?$", "", url), certificates, min(timeout, 30.0))


def find_pins(release: Release) -> Iterator[tuple[str, str]]:
    """Yield name and version of each requirement with ``==`` in noxfile.py and in the distributions."""
    noxfile = release.root / "noxfile.py"
    tree = ast.parse(noxfile.read_text(encoding="utf-8")) if noxfile.is_file() else ast.Module([], [])
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    texts += [requirement for project in release.projects for requirement in project.requirements()]
    for match in filter(None, map(PIN.fullmatch, texts)):
        yield canonicalize_name(match[1]), Version(match[2]).public


def find_installed(release: Release) -> Iterator[tuple[str, str]]:
    """Yield name and version of all wheels that were downloaded to install our distributions."""
    for wheel in find_wheelhouse(release).glob("*.whl"):
        name, version, *_ = parse_wheel_filename(wheel.name)
        yield name, version.public


def check_requirements(release: Release, index: Index | None = None) -> Iterator[Problem]:
    """Look up all pins and installed versions in the index."""
    packages = sorted({*find_pins(release), *find_installed(release)})
    with (index or read_index()).client() as client, ThreadPoolExecutor(REQUESTS) as pool:
        answers = list(pool.map(lambda package: look_up(client, *package), packages))
    unknown: dict[str, list[str]] = {}
    for (name, version), answer in zip(packages, answers, strict=True):
        if isinstance(answer, str):
            unknown.setdefault(answer, []).append(f"{name} {version}")
        else:
            yield from read_answer(name, version, answer)
    for reason, names in unknown.items():
        cause = f"{len(names)} of {len(packages)} are not checked, because {reason}: {', '.join(names)}."
        cure = "Check them on a machine with access, such as with pip-audit."
        yield Problem("vulnerabilities", cause, cure, only_publishing=True)


def look_up(client: httpx.Client, name: str, version: str) -> dict[str, Any] | str:
    """
    Return what the index knows about a release, or the reason why that is unknown.

    An index may know the vulnerabilities of the newest release only.
    """
    newest: dict[str, Any] | None = None
    reason = ""
    for path in (f"pypi/{name}/json", f"pypi/{name}/{version}/json"):
        try:
            response = client.get(path)
            answer = response.json() if response.is_success else None
        except (httpx.HTTPError, ValueError) as error:
            return f"the index cannot be read ({type(error).__name__})"
        if answer is None:
            reason = f"the index has no data about this release (status {response.status_code})"
            continue
        if answer["info"]["version"] == version:
            return dict(answer)
        newest = answer
    files = (newest or {}).get("releases", {}).get(version, [])
    if any(file.get("yanked") for file in files):
        return {"urls": files}
    return reason


def read_answer(name: str, version: str, answer: dict[str, Any]) -> Iterator[Problem]:
    """
    Yield the known vulnerabilities of a release, and whether it was yanked.

    They forbid only publishing: what others find out must not fail the tests of an unchanged tree.
    """
    for file in answer.get("urls", [])[:1]:
        if file.get("yanked"):
            cause = f"This release was yanked: {(file.get('yanked_reason') or 'no reason given').rstrip('.')}."
            yield Problem(f"{name} {version}", cause, "Require another version.", only_publishing=True)
    for known in answer.get("vulnerabilities", []):
        if known.get("withdrawn"):
            continue
        fixed = ", ".join(known.get("fixed_in") or []) or "no version yet"
        cause = f"It has the vulnerability {known['id']}: {known.get('summary') or known.get('link') or ''}"
        cure = f"It is fixed in {fixed}: require that, or do without it."
        yield Problem(f"{name} {version}", cause, cure, only_publishing=True)
