"""``budwood setup`` in a folder whose files are the work of others."""

from __future__ import annotations

import pytest

from tests.plugins.cli.setup.processes import answer, finish
from tests.plugins.cli.setup.vendors import GOOD_KEY, Vendor

pytestmark = pytest.mark.one_python

KEY = "API key of openai (hidden): "
ARGUMENTS = ("--provider", "openai", "--model", "gpt-6.1-sol")


@pytest.fixture
def other():
    """
    A server that is not the vendor's.
    """
    with Vendor() as vendor:
        yield vendor


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("transports.default.verify", "[transports.default]\nverify = false"),
        ("transports.httptools.ca_file", "[transports.httptools]\nca_file = 'authority.pem'"),
        ("transports.default.proxy", "[transports.default]\nproxy = 'http://127.0.0.1:9'"),
    ],
)
def test_new_key_is_not_sent_where_the_folder_lets_others_read_it(machine, openai, setting, text):
    """
    Whether it is typed or piped; the error names the setting and its file, and --yes does not change that.
    """
    (machine.folder / "budwood.toml").write_text(text)
    piped = machine.run(*ARGUMENTS, "--token", "-", "--yes", stdin=GOOD_KEY)
    child = machine.start(*ARGUMENTS)
    answer(child, KEY, GOOD_KEY)
    output, status = finish(child)

    assert piped.returncode == status == 4
    for printed in (piped.stderr, output):
        shown = " ".join(printed.split())
        assert f"openai: {setting} in " in shown
        assert "can let others read the key on its way" in shown
        assert "Run the command outside of this folder." in shown
    assert not openai.requests
    assert machine.secrets == {}


def test_key_of_the_environment_is_sent(machine, openai):
    """
    The user has put it there.
    """
    (machine.folder / "budwood.toml").write_text("[transports.default]\nverify = false")
    machine.environment["OPENAI_API_KEY"] = GOOD_KEY

    assert machine.run(*ARGUMENTS, "--yes").returncode == 0
    assert openai.requests


def test_user_is_asked_before_a_key_is_sent_to_the_address_of_the_folder(machine, other):
    """
    The default is no.
    """
    (machine.folder / "budwood.toml").write_text(f"[providers.openai]\nbase_url = '{other.url}'")
    child = machine.start(*ARGUMENTS)
    answer(child, KEY, GOOD_KEY)
    question = f"budwood.toml in this folder sets the address of 'openai' to {other.root}. Send the key there? [y/N] "
    answer(child, question, "")
    _, status = finish(child)

    assert status == 1
    assert not other.requests
    assert machine.secrets == {}


def test_address_of_the_folder_needs_yes_without_questions(machine, other):
    """
    Once a key is stored for it, it is known.
    """
    (machine.folder / ".env").write_text(f"OPENAI_BASE_URL={other.url}")
    arguments = (*ARGUMENTS, "--token", "-", "--non-interactive")
    refused = machine.run(*arguments, stdin=GOOD_KEY)
    requests = list(other.requests)
    agreed = machine.run(*arguments, "--yes", stdin=GOOD_KEY)
    again = machine.run(*arguments, stdin=GOOD_KEY)

    assert refused.returncode == 2
    assert "Pass --yes if the address is right, or run the command outside of this folder." in refused.stderr
    assert not requests
    assert agreed.returncode == again.returncode == 0, agreed.stderr + again.stderr
    assert machine.secrets == {"openai": GOOD_KEY}


def test_address_of_the_option_is_the_users(machine, other):
    """
    It takes precedence over that of the folder.
    """
    (machine.folder / "budwood.toml").write_text("[providers.openai]\nbase_url = 'http://evil.example/v1'")
    done = machine.run(*ARGUMENTS, "--token", "-", "--base-url", other.url, "--non-interactive", stdin=GOOD_KEY)

    assert done.returncode == 0, done.stderr
    assert other.requests
