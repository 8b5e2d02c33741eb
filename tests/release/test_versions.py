"""Versions and the changelog belong to the release."""

from __future__ import annotations

import datetime as dt

import pytest
from release.changelog import check_changelog
from release.publishing import check_files
from release.versions import check_versions

TODAY = dt.date(2026, 2, 1)


def test_equal_versions_pass(repository):
    """
    A release with one version everywhere has no problem.
    """
    assert list(check_versions(repository.build())) == []


def test_another_version_in_a_distribution_is_reported(repository):
    """
    A distribution with a version of its own is named with each place that has it.
    """
    repository.replace("core/pyproject.toml", 'dynamic = ["version"]', 'version = "0.0.9"')

    release = repository.build()
    problems = [str(problem) for problem in check_versions(release)]

    assert len(problems) == 4
    assert not list(check_files(release))  # which would blame the backend
    assert "The version is 0.0.9 in twig-0.0.9-py3-none-any.whl, not 0.1.0." in problems[0]


def test_requirements_that_exclude_the_version_are_reported(repository):
    """
    The distributions admit each other in the released version.
    """
    repository.replace("core/pyproject.toml", "dependencies = []", 'dependencies = ["twig>=0.2"]')

    (problem,) = check_versions(repository.release())

    assert problem.cause == "The requirement 'twig>=0.2' excludes version 0.1.0, which is released."


def test_versions_of_node_packages_are_compared(repository):
    """
    A package for npm has the same version, and the command that sets it is named.
    """
    repository.write("plugins/web/package.json", '{"name": "twig-web", "version": "0.0.1"}')

    (problem,) = check_versions(repository.release())

    assert problem.cure == "Run `npm version 0.1.0 --no-git-tag-version` in plugins/web/."


def test_invalid_version_is_reported(repository):
    """
    The version of the repository is one of Python's packaging.
    """
    repository.write("pyproject.toml", '[tool.budwood]\nversion = "spring"\n')

    (problem,) = check_versions(repository.release())

    assert "'spring' is not a version" in problem.cause


def test_section_of_the_version_passes(repository):
    """
    A dated section with entries is complete.
    """
    assert list(check_changelog(repository.release(), TODAY)) == []


def test_unreleased_changes_only_prevent_publishing(repository):
    """
    Between releases, changes are below [Unreleased]; the line that a release needs is named.
    """
    repository.replace("CHANGELOG.md", "## [0.1.0] - 2026-01-31", "## [Unreleased]")

    (problem,) = check_changelog(repository.release(), TODAY)

    assert problem.only_publishing
    assert "`## [0.1.0] - 2026-02-01`" in problem.cure


@pytest.mark.parametrize(
    ("heading", "only_publishing"),
    [("## [0.0.9] - 2026-01-31", False), ("## [0.1.0]", False), ("## [0.1.0] - 2026-02-02", False)],
)
def test_missing_sections_and_wrong_dates_are_reported(repository, heading, only_publishing):
    """
    A changelog without the section, without its date, or with a date in the future is a problem.
    """
    repository.replace("CHANGELOG.md", "## [0.1.0] - 2026-01-31", heading)

    (problem,) = check_changelog(repository.release(), TODAY)

    assert problem.only_publishing is only_publishing
    assert "`## [0.1.0] - 2026-02-01`" in problem.cure
