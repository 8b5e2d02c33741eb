"""Copies of the server, each with one check of the control plane removed, which a test must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import budwood_server

pytestmark = pytest.mark.mutants

ROOT = Path(__file__).resolve().parents[3]
TESTS = Path(__file__).resolve().parent
PACKAGE = Path(budwood_server.__file__).parent


class Mutant(NamedTuple):
    """
    A check that is removed.

    Attributes:
        file: The file, relative to the package.
        line: Text that the file contains once.
        instead: What replaces it.
        test: The test that must fail.
    """

    file: str
    line: str
    instead: str
    test: str


MUTANTS = {
    "csrf token": Mutant(
        "api/access.py",
        'check_csrf_token(cookie, request.headers.get("x-csrf-token", ""))',
        "pass",
        "people/test_logins.py::test_a_page_changes_things_only_with_its_origin_and_its_token",
    ),
    "origin": Mutant(
        "api/access.py",
        "        check_origin(request)\n",
        "",
        "people/test_logins.py::test_a_page_changes_things_only_with_its_origin_and_its_token",
    ),
    "scope of a route": Mutant(
        "api/access.py",
        "if self.scope is not None and self.scope not in principal.scopes:",
        "if False:",
        "people/test_second_principal.py::test_a_role_may_use_what_is_meant_for_it",
    ),
    "reuse of a refresh token": Mutant(
        "api/auth.py",
        'end_login(connection, login.id)\n            await record(connection, login.principal, "login.reuse"',
        'record(connection, login.principal, "login.reuse"',
        "people/test_logins.py::test_a_refresh_token_is_used_once",
    ),
    "use of a ticket": Mutant(
        "api/auth.py",
        'if login is None or not await use_once(connection, ticket, "ticket"):',
        "if login is None:",
        "people/test_logins.py::test_a_ticket_logs_in_once",
    ),
    "session before a login": Mutant(
        "api/auth.py",
        "await end_login(connection, old.id)",
        "pass",
        "people/test_logins.py::test_a_login_gets_a_new_session",
    ),
    "path of a specification": Mutant(
        "runs/specifications.py",
        'if ".." in parts:',
        "if False:",
        "runs/test_run_specifications.py::test_no_file_outside_of_the_folder_is_read",
    ),
    "output of a run": Mutant(
        "runs/outputs.py",
        "if not (_FOLDER if self._is_bucket else _TABLE).fullmatch(name):",
        "if False:",
        "runs/test_run_outputs.py::test_no_output_leaves_the_place_of_the_operator",
    ),
    "storage of a run": Mutant(
        "runs/outputs.py",
        "not isinstance(name, str) or normalise(name) not in (FILE, *self.storages)",
        "not isinstance(name, str)",
        "runs/test_run_outputs.py::test_only_storages_that_the_operator_lists_are_available",
    ),
    "place of a sealed text": Mutant(
        "vault/sealing.py",
        "json.dumps([key_id, version, *place])",
        "json.dumps([key_id, version])",
        "vault/test_sealing.py::test_a_copy_at_another_place_cannot_be_opened",
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_removed_check_is_noticed(tmp_path, mutant):
    """
    The test fails for the copy. For the server as it is, the test passes with the others.
    """
    copy = tmp_path / "budwood_server"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / mutant.file).read_text("utf-8")
    assert text.count(mutant.line) == 1
    (copy / mutant.file).write_text(text.replace(mutant.line, mutant.instead), "utf-8")

    options = ["-q", "-x", "-p", "no:cacheprovider", "-k", "not postgresql"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(TESTS / mutant.test)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.stdout.splitlines()[-1].startswith("1 failed"), run.stdout + run.stderr
