"""Build all distributions, check them, and print what publishing would do."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from release.audit import check_requirements
from release.building import build_all
from release.changelog import check_changelog
from release.contents import check_contents
from release.installing import check_installation, check_together, download_requirements
from release.metadata import check_metadata
from release.problems import Problem, Result, format_results, is_failure
from release.projects import Release
from release.publishing import check_files, describe
from release.repository import check_repository
from release.versions import check_versions

Check = Callable[[Release], Iterable[Problem]]

CHECKS: Final[dict[str, Check]] = {
    "repository": check_repository,
    "changelog": check_changelog,
    "build": build_all,
    "versions": check_versions,
    "contents": check_contents,
    "metadata": check_metadata,
    "publishing": check_files,
    "download": download_requirements,
    "vulnerabilities": check_requirements,
    "together": check_together,
    "alone": check_installation,
}
"""All checks, in the order in which they need one another."""
NEEDS: Final = {"vulnerabilities": "download", "together": "download", "alone": "download"}
"""Checks that cannot run if another has found a problem."""


def main(arguments: list[str]) -> int:
    """Run the checks and return the exit status: 1 if there is a problem."""
    options = read_arguments(arguments)
    logging.disable(logging.INFO)  # importing pyroma turns on the log of all libraries
    root = Path.cwd()
    release = Release(root, root / ".nox" / "release-files")
    results = run_checks(release, options.only or list(CHECKS))
    if not options.check:
        sys.stdout.writelines(f"{line}\n" for line in describe(release))
    print(format_results(results))
    failed = is_failure(results, strict=options.strict or not options.check)
    print(f"\nVersion {release.version} {'is not ready.' if failed else 'passed.'}")
    return int(failed)


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="nox -s release --", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only check; allow what is left to do before publishing")
    parser.add_argument("--strict", action="store_true", help="with --check: forbid that too")
    parser.add_argument("--only", nargs="+", choices=CHECKS, metavar="CHECK", help=f"some of {', '.join(CHECKS)}")
    return parser.parse_args(arguments)


def run_checks(release: Release, names: Iterable[str]) -> list[Result]:
    """Run checks by name, in the usual order, and show each as it ends."""
    results: dict[str, Result] = {}
    for name, check in CHECKS.items():
        if name not in names:
            continue
        needed = results.get(NEEDS.get(name, ""))
        if needed and needed.problems:
            result = Result(name, skipped=f"{needed.check} has problems")
        else:
            result = run_check(name, check, release)
        results[name] = result
        print(f"{name}: {result.state()} ({result.seconds:.1f} s)", flush=True)
    return list(results.values())


def run_check(name: str, check: Check, release: Release) -> Result:
    """Run one check and measure it."""
    start = time.monotonic()
    problems = list(check(release))
    return Result(name, time.monotonic() - start, problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
