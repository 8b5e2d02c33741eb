"""Wheels and sdists are complete and have valid metadata."""

from __future__ import annotations

import zipfile

import pytest
from release.building import build_all
from release.contents import check_contents
from release.metadata import check_metadata
from release.publishing import check_files, describe


def report(problems):
    """
    Return problems as one text.
    """
    return "\n".join(map(str, problems))


def test_complete_distribution_passes(repository):
    """
    A distribution without a mistake has no problem, and its wheel and sdist are listed for the upload.
    """
    release = repository.build()

    problems = [*check_contents(release), *check_metadata(release), *check_files(release)]

    assert report(problems) == ""
    assert "twine upload dist/twig-0.1.0.tar.gz dist/twig-0.1.0-py3-none-any.whl" in "\n".join(describe(release))


def test_build_that_fails_is_reported(repository):
    """
    The last line of the backend says why a build failed.
    """
    repository.replace("core/pyproject.toml", 'readme = "README.md"', 'readme = "MISSING.md"')

    (problem,) = build_all(repository.release())

    assert "MISSING.md" in problem.cause
    assert problem.cause.endswith(".")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("core/src/twig/py.typed", "twig-0.1.0-py3-none-any.whl: twig/py.typed is missing."),
        ("core/LICENSE", "twig-0.1.0-py3-none-any.whl: The licence is missing."),
    ],
)
def test_missing_files_are_reported(repository, missing, message):
    """
    The marker of types and the licence are in the wheel.
    """
    (repository.root / missing).unlink()

    assert message in report(check_contents(repository.build()))


@pytest.mark.parametrize("stray", ["tests/test_twig.py", ".env"])
def test_tests_and_caches_are_reported(repository, stray):
    """
    Files of tests and caches are reported, in the wheel and in the sdist.
    """
    repository.write(f"core/src/twig/{stray}", "")

    problems = report(check_contents(repository.build()))

    assert f"twig-0.1.0-py3-none-any.whl: It contains twig/{stray}" in problems
    assert f"twig-0.1.0.tar.gz: It contains src/twig/{stray}" in problems


def test_files_from_elsewhere_and_other_wheels_are_reported(repository):
    """
    A file that is not in src/ is reported, and that the sdist no longer builds the same wheel.
    """
    release = repository.build()
    with zipfile.ZipFile(release.built[0].wheel, "a") as wheel:
        wheel.writestr("leaf.py", "")

    problems = report(check_contents(release))

    assert "It contains leaf.py, which is not in src/." in problems
    assert "The sdist builds another wheel than the checkout: leaf.py." in problems


def test_modules_that_the_build_omits_are_reported(repository):
    """
    Every module of src/ is in the wheel.
    """
    repository.write("core/src/twig/bud.py", "")
    repository.replace(
        "core/pyproject.toml", 'packages = ["src/twig"]', 'packages = ["src/twig"]\nexclude = ["bud.py"]'
    )

    assert "twig/bud.py of src/ is missing." in report(check_contents(repository.build()))


def test_absolute_paths_are_reported(repository):
    """
    Paths of the machine that builds are reported.
    """
    repository.write("core/src/twig/__init__.py", f'FOLDER = "{repository.root.as_posix()}"\n')

    assert f"twig/__init__.py contains the path {repository.root}" in report(check_contents(repository.build()))


def test_other_long_descriptions_are_reported(repository):
    """
    The long description is the README.
    """
    repository.replace(
        "core/pyproject.toml", 'readme = "README.md"', 'readme = { text = "Bark.", content-type = "text/plain" }'
    )

    assert "The long description is not the README." in report(check_contents(repository.build()))


def test_invalid_classifiers_are_reported(repository):
    """
    Classifiers that an index rejects are reported, by hatchling or by the check.
    """
    repository.replace("core/pyproject.toml", "Typing :: Typed", "Framework :: Twig")
    (problem,) = build_all(repository.release())
    repository.replace("core/pyproject.toml", "Framework :: Twig", "Private :: Twig")

    problems = report(check_metadata(repository.build()))

    assert "Unknown classifier in field `project.classifiers`: Framework :: Twig" in problem.cause
    assert "The classifier 'Typing :: Typed' is missing." in problems


def test_missing_urls_only_prevent_publishing(repository):
    """
    Without links, a release is not published.
    """
    repository.replace("core/pyproject.toml", '[project.urls]\nSource = "https://code.example/twig"\n', "")

    (problem,) = check_metadata(repository.build())

    assert problem.only_publishing
    assert "[project.urls]" in problem.cure


def test_insecure_urls_are_reported(repository):
    """
    Links have https.
    """
    repository.replace("core/pyproject.toml", "https://code.example", "http://code.example")

    assert "'http://code.example/twig' is not a link with https" in report(check_metadata(repository.build()))


def test_missing_fields_are_reported_by_pyroma(repository):
    """
    What pyroma misses is reported, such as keywords.
    """
    repository.replace("core/pyproject.toml", 'keywords = ["example"]\n', "")

    assert "pyroma: Your package does not have keywords data." in report(check_metadata(repository.build()))


def test_descriptions_that_cannot_be_rendered_are_reported(repository):
    """
    A long description with wrong markup is reported by twine.
    """
    (repository.root / "core/README.md").rename(repository.root / "core/README.rst")
    repository.write("core/README.rst", "Title\n==\n\n.. unknown::\n\n`open\n")
    repository.replace("core/pyproject.toml", "README.md", "README.rst")

    assert "FAILED" in report(check_metadata(repository.build()))


def test_other_versions_of_python_are_reported(repository):
    """
    All distributions support the same versions of Python.
    """
    text = (repository.root / "core/pyproject.toml").read_text(encoding="utf-8").replace("../", "../../")
    for name, python in (("leaf", ">=3.11"), ("bud", ">=3.12")):
        repository.write(f"plugins/{name}/pyproject.toml", text.replace("twig", name).replace(">=3.11", python))
        repository.write(f"plugins/{name}/README.md", f"# {name}\n\nAn example.\n")
        repository.write(f"plugins/{name}/src/{name}/__init__.py", "")

    (problem,) = check_metadata(repository.build())

    assert problem.subject == "bud"
    assert problem.cause == "The requires-python is >=3.12, and that of other distributions is >=3.11."
