"""Distributions are installed alone and tried, and what they require is looked up."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from release import installing
from release.__main__ import run_checks
from release.audit import Index, check_requirements
from release.installing import check_installation, find_wheelhouse
from release.problems import Problem, Result, format_results, is_failure
from release.repository import check_repository


@pytest.fixture
def installable(repository, tmp_path, monkeypatch):
    """
    A function that builds the repository and tries its distribution, with an examination that finds nothing.
    """
    examination = tmp_path / "examination.py"
    examination.write_text("", encoding="utf-8")
    monkeypatch.setattr(installing, "EXAMINATION", examination)

    def try_it():
        release = repository.build()
        find_wheelhouse(release).mkdir()
        return check_installation(release)

    return try_it


def test_distribution_that_works_alone_passes(installable):
    """
    A distribution that can be installed and imported has no problem.
    """
    assert installable() == []


def test_requirement_that_breaks_the_installation_is_reported(repository, installable):
    """
    A requirement that does not exist is named.
    """
    repository.replace("core/pyproject.toml", "dependencies = []", 'dependencies = ["budwood-nowhere"]')

    (problem,) = installable()

    assert "cannot be installed alone" in problem.cause
    assert "budwood-nowhere" in problem.cause


def test_import_without_a_requirement_is_reported(repository, installable):
    """
    An import of a package that the distribution does not require is named.
    """
    repository.write("core/src/twig/__init__.py", "import budwood_nowhere\n")

    (problem,) = installable()

    assert "cannot be imported alone" in problem.cause
    assert "No module named 'budwood_nowhere'" in problem.cause


def test_plugin_that_does_not_work_is_reported(installable, monkeypatch):
    """
    What the examination of plugins prints is reported.
    """
    installing.EXAMINATION.write_text("raise SystemExit('provider twig is broken')", encoding="utf-8")

    (problem,) = installable()

    assert "cannot be used alone, in an empty environment: provider twig is broken" in problem.cause


@pytest.fixture
def index():
    """
    A package index on loopback that knows two releases: one is vulnerable, the other was yanked.
    """
    known = {"id": "CVE-1", "summary": "It leaks.", "fixed_in": ["1.1"], "withdrawn": None}
    withdrawn = {**known, "id": "CVE-2", "withdrawn": "2026-01-01"}
    yanked = [{"yanked": True, "yanked_reason": "It was broken."}]
    answers = {
        "/pypi/sap/json": {"info": {"version": "1.0"}, "urls": [], "vulnerabilities": [known, withdrawn]},
        "/pypi/bark/json": {"info": {"version": "2.0"}, "releases": {"1.0": yanked}, "urls": []},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer = answers.get(self.path)
            self.send_response(200 if answer else 404)
            body = json.dumps(answer).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Index(f"http://127.0.0.1:{server.server_port}", None, 30.0)
    server.shutdown()
    thread.join()
    server.server_close()


def test_vulnerabilities_yanked_releases_and_gaps_are_reported(repository, index):
    """
    Pins are looked up. What the index says, or does not know, only prevents publishing.
    """
    repository.write(
        "noxfile.py", 'PINS = ["sap[extra]==1.0", "bark==1.0", "root==3; sys_platform != \'win32\'", "leaf>=1"]'
    )

    problems = list(check_requirements(repository.release(), index))

    assert [problem.only_publishing for problem in problems] == [True, True, True]
    assert str(problems[0]) == "bark 1.0: This release was yanked: It was broken. Require another version."
    assert "CVE-1: It leaks." in problems[1].cause
    assert (
        "1 of 3 are not checked, because the index has no data about this release (status 404): root 3."
        in problems[2].cause
    )


def test_unreachable_index_only_prevents_publishing(repository):
    """
    Without a connection, the reason is reported.
    """
    repository.write("noxfile.py", 'PINS = ["sap==1.0"]')

    (problem,) = check_requirements(repository.release(), Index("http://127.0.0.1:1", None, 30.0))

    assert problem.only_publishing
    assert "because the index cannot be read (ConnectError): sap 1.0" in problem.cause


def test_uncommitted_files_and_existing_tags_only_prevent_publishing(repository):
    """
    A release is made of a commit, with a new tag.
    """
    repository.git("init", "--quiet")
    repository.git("add", "--all")
    repository.git("commit", "--quiet", "--message", "Begin")
    assert list(check_repository(repository.release())) == []
    repository.git("tag", "v0.1.0")
    repository.write("notes.txt", "")

    problems = list(check_repository(repository.release()))

    assert [problem.subject for problem in problems] == ["the working tree", "v0.1.0"]
    assert all(problem.only_publishing for problem in problems)


def test_all_problems_are_listed_before_the_table():
    """
    Each problem says what is wrong and what to do; the table counts them.
    """
    later = Problem("twig", "It has no URL.", "Add one.", only_publishing=True)
    results = [Result("metadata", 1.5, [later]), Result("alone", skipped="download has problems")]

    text = format_results(results)

    assert "- twig: It has no URL. Add one." in text
    assert "metadata             1.5  1 before publishing" in text
    assert "not run: download has problems" in text


def test_only_strict_checks_fail_for_what_is_left_to_do():
    """
    What has to be done before publishing fails a strict check only.
    """
    results = [Result("metadata", 1.5, [Problem("twig", "It has no URL.", "Add one.", only_publishing=True)])]

    assert not is_failure(results, strict=False)
    assert is_failure(results, strict=True)
    assert is_failure([Result("build", 1.5, [Problem("twig", "It is broken.", "Mend it.")])], strict=False)


def test_checks_that_need_a_failed_one_are_skipped(repository, monkeypatch):
    """
    Without the requirements, nothing is installed.
    """
    problem = Problem("all", "They cannot be downloaded.", "Check the network.")
    checks = {"download": lambda _: [problem], "alone": lambda _: sys.exit("not reached")}
    monkeypatch.setattr("release.__main__.CHECKS", checks)

    results = run_checks(repository.release(), checks)

    assert results[1].skipped == "download has problems"
