"""The metadata of all distributions are valid, complete and equal where they have to be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from packaging.metadata import Metadata
from pyroma.ratings import rate
from trove_classifiers import classifiers, deprecated_classifiers

from release.problems import Problem
from release.projects import Built, Release

SKIPPED: Final = [
    "AuthorEmail",  # the authors are a group without an address
    "BusFactor",  # asks the index for the owners
    "Description",  # twine checks it
    "MissingBuildSystem",  # these three are for folders, and `check_contents` reads the sdist
    "MissingPyProjectToml",
    "SDist",
    "Url",  # `check_urls` checks it
    "ValidREST",
]
"""The tests of pyroma that do not fit."""


def check_metadata(release: Release) -> Iterator[Problem]:
    """Check the metadata of each wheel."""
    yield from check_with_twine(release)
    for built in release.built:
        yield from check_fields(built)
        yield from check_classifiers(built)
        yield from check_with_pyroma(built)
    yield from check_urls(release.built)
    yield from compare_pythons(release.built)


def check_with_twine(release: Release) -> Iterator[Problem]:
    """Run ``twine check --strict``, which renders the long descriptions."""
    files = [str(file) for built in release.built for file in (built.sdist, built.wheel)]
    if not files:
        return
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "1000"}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if run.returncode:
        lines = [line.strip() for line in (run.stdout + run.stderr).splitlines() if "PASSED" not in line]
        text = " ".join(line.replace(str(release.dist), "dist") for line in lines if line)
        yield Problem("twine check", text, "Correct the README of the distribution.")


def check_fields(built: Built) -> Iterator[Problem]:
    """Validate the fields of the metadata by their specification."""
    try:
        Metadata.from_email(built.find_metadata("METADATA"), validate=True)
    except ExceptionGroup as group:
        for error in group.exceptions:
            yield Problem(built.wheel.name, f"Invalid metadata: {error}.", "Correct it in its pyproject.toml.")


def check_classifiers(built: Built) -> Iterator[Problem]:
    """Check that the classifiers exist and include the versions of Python."""
    found = built.metadata.get_all("Classifier", [])
    for classifier in found:
        if classifier in deprecated_classifiers:
            known = ", ".join(deprecated_classifiers[classifier]) or "none"
            yield Problem(built.wheel.name, f"The classifier {classifier!r} is deprecated.", f"Use instead: {known}.")
        elif classifier not in classifiers and not classifier.startswith("Private ::"):
            cure = "Take one of the list of trove-classifiers; an index rejects others."
            yield Problem(built.wheel.name, f"The classifier {classifier!r} does not exist.", cure)
    if "Typing :: Typed" not in found:
        yield Problem(built.wheel.name, "The classifier 'Typing :: Typed' is missing.", "Add it to its pyproject.toml.")


def check_urls(all_built: list[Built]) -> Iterator[Problem]:
    """Check that each distribution has links to the project, with https."""
    without = []
    for built in all_built:
        urls = [line.partition(",")[2].strip() for line in built.metadata.get_all("Project-URL", [])]
        without += [] if urls else [built.project.name]
        for url in urls:
            if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
                yield Problem(built.wheel.name, f"The project URL {url!r} is not a link with https.", "Correct it.")
    if without:
        cause, cure = (
            "They have no project URLs.",
            "Add [project.urls] with Documentation and Source to pyproject.toml.",
        )
        yield Problem(", ".join(without), cause, cure, only_publishing=True)


def check_with_pyroma(built: Built) -> Iterator[Problem]:
    """Rate the metadata with pyroma, and report what it misses."""
    message = built.metadata
    names = {key.lower() for key in message}
    fields = {name: values[0] if len(values := message.get_all(name, [])) == 1 else values for name in names}
    _, complaints = rate({**fields, "description": built.description}, SKIPPED)
    for complaint in complaints:
        yield Problem(built.wheel.name, f"pyroma: {' '.join(complaint.split())}", "Complete its pyproject.toml.")


def compare_pythons(all_built: list[Built]) -> Iterator[Problem]:
    """Check that all distributions require the same versions of Python, and name them in their classifiers."""
    prefix = "Programming Language :: Python"
    for what, values in (
        ("requires-python", [built.metadata["Requires-Python"] or "missing" for built in all_built]),
        ("list of Python classifiers", [list_classifiers(built, prefix) for built in all_built]),
    ):
        usual = Counter(values).most_common(1)[0][0] if values else ""
        for built, value in zip(all_built, values, strict=True):
            if value != usual:
                cause = f"The {what} is {value}, and that of other distributions is {usual}."
                yield Problem(built.project.name, cause, "Make them equal.")


def list_classifiers(built: Built, prefix: str) -> str:
    """Return the classifiers that begin with a prefix, as a text."""
    found = sorted(name for name in built.metadata.get_all("Classifier", []) if name.startswith(prefix))
    return ", ".join(name.rpartition(" :: ")[2] for name in found)
