"""The questions of ``budwood setup`` at a pseudo-terminal."""

from __future__ import annotations

import stat
import tomllib

import pytest

from tests.plugins.cli.setup.processes import WITHOUT_KEYRING, answer, finish
from tests.plugins.cli.setup.vendors import BAD_KEY, GOOD_KEY, REASON, Vendor

pytestmark = pytest.mark.one_python

KEY = "API key of openai (hidden): "
MODEL = "Number or name [gpt-6.1-sol]: "
SAVE = "Save? [Y/n] "
UNCHECKED = "Save without a check? [y/N] "
TO_FILE = "which only you may read? [y/N] "
OLD = '# mine\nmodel = "offline/echo"\n'


def test_good_key_is_checked_and_saved(machine, openai):
    """
    The key goes to the keyring, the model into the settings, and the next command is named.
    """
    child = machine.start()
    answer(child, "Number or name", "openai")
    child.expect_exact("Create a key at https://platform.openai.com/")
    answer(child, KEY, GOOD_KEY)
    child.expect_exact("openai: the key works, with 4 models.")
    answer(child, MODEL, "")
    child.expect_exact('+model = "openai/gpt-6.1-sol"')
    child.expect_exact("The key will be saved in the keyring.")
    answer(child, SAVE, "")
    output, status = finish(child)

    assert status == 0
    assert 'Next: budwood ask "Hello"' in output
    assert tomllib.loads(machine.user_file.read_text()) == {"model": "openai/gpt-6.1-sol"}
    assert machine.secrets == {"openai": GOOD_KEY}
    assert GOOD_KEY not in machine.index.read_text()
    assert openai.requests == [("GET", "/v1/models", GOOD_KEY)]


def test_bad_key_is_asked_for_again(machine, openai):
    """
    The reason of the vendor is shown, and the next key is checked.
    """
    child = machine.start("--provider", "openai", "--yes")
    answer(child, KEY, BAD_KEY)
    child.expect_exact(f"openai: The credential was rejected: HTTP 401: {REASON}")
    answer(child, KEY, GOOD_KEY)
    answer(child, MODEL, "")
    _, status = finish(child)

    assert status == 0
    assert machine.secrets == {"openai": GOOD_KEY}
    assert [key for _, _, key in openai.requests] == [BAD_KEY, GOOD_KEY]


def test_text_that_is_no_key_is_asked_for_again(machine, openai):
    """
    It is not sent, and does not count as a try.
    """
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol", "--yes")
    answer(child, KEY, "two words")
    child.expect_exact("The key has characters that no key has")
    answer(child, KEY, GOOD_KEY)
    _, status = finish(child)

    assert status == 0
    assert [key for _, _, key in openai.requests] == [GOOD_KEY]


def test_model_that_is_not_listed_is_asked_for_again(machine, openai):
    """
    The user may insist, since lists of vendors are incomplete.
    """
    child = machine.start("--provider", "openai", "--model", "brand-new-modle", "--yes")
    answer(child, KEY, GOOD_KEY)
    child.expect_exact("openai does not list the model 'brand-new-modle'. Did you mean brand-new-model?")
    answer(child, "Use it nevertheless? [y/N] ", "")
    answer(child, "Model: ", "my-own")
    child.expect_exact("openai does not list the model 'my-own'.")
    answer(child, "Use it nevertheless? [y/N] ", "y")
    _, status = finish(child)

    assert status == 0
    assert tomllib.loads(machine.user_file.read_text()) == {"model": "openai/my-own"}


@pytest.mark.parametrize(("name", "cure"), [("transformers", "pip install"), ("opnai", "Did you mean openai")])
def test_provider_that_is_not_here_is_explained(machine, name, cure):
    """
    In the same words as for the option.
    """
    refused = machine.run("--provider", name, "--non-interactive")
    child = machine.start()
    answer(child, "Number or name", name)
    child.expect_exact(cure)
    child.sendintr()
    finish(child)

    assert cure in refused.stderr


def test_text_that_is_no_address_is_asked_for_again(machine):
    """
    The reason says what an address looks like.
    """
    with Vendor(keys=None, models=("mine",)) as server:
        child = machine.start("--provider", "openai-compatible", "--model", "mine", "--yes")
        answer(child, "Address of the server: ", "box:8000")
        child.expect_exact("The address must start with http:// or https://. An example is http://localhost:8000/v1")
        answer(child, "Address of the server: ", server.url)
        _, status = finish(child)

        assert status == 0
        assert tomllib.loads(machine.user_file.read_text())["providers"]["openai-compatible"]["base_url"] == server.url


def test_user_is_asked_before_a_stored_key_is_replaced(machine, openai):
    """
    By default it stays.
    """
    openai.keys = (GOOD_KEY, BAD_KEY)
    machine.run_json("--provider", "openai", "--token", "-", stdin=GOOD_KEY)
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol")
    answer(child, "Use the stored key of openai? [Y/n] ", "n")
    answer(child, KEY, BAD_KEY)
    answer(child, "Replace the stored key of openai (…7890)? [y/N] ", "")
    output, status = finish(child)

    assert status == 0
    assert "note: The new key was not saved. The stored one stays." in output
    assert machine.secrets == {"openai": GOOD_KEY}


def test_third_bad_key_is_an_error(machine, openai):
    """
    Nothing is saved.
    """
    child = machine.start("--provider", "openai")
    for _ in range(3):
        answer(child, KEY, BAD_KEY)
    output, status = finish(child)

    assert status == 4
    assert f"error: openai: The credential was rejected: HTTP 401: {REASON}" in output
    assert machine.snapshot() == {}


@pytest.mark.usefixtures("closed_port")
def test_without_a_network_the_user_can_save_unchecked(machine):
    """
    The models are then those of the catalog.
    """
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol")
    answer(child, KEY, GOOD_KEY)
    child.expect_exact("openai: the check failed: No connection to http://127.0.0.1:")
    answer(child, UNCHECKED, "y")
    answer(child, SAVE, "y")
    _, status = finish(child)

    assert status == 0
    assert machine.secrets == {"openai": GOOD_KEY}


@pytest.mark.usefixtures("closed_port")
def test_without_a_network_nothing_is_saved_by_default(machine):
    """
    An empty line is no, and the status is that of a failed connection.
    """
    child = machine.start("--provider", "openai")
    answer(child, KEY, GOOD_KEY)
    answer(child, UNCHECKED, "")
    _, status = finish(child)

    assert status == 6
    assert machine.snapshot() == {}


def test_without_a_keyring_the_user_is_asked_before_a_file_is_written(machine, openai):
    """
    Only the owner may read the file.
    """
    machine.environment["PYTHON_KEYRING_BACKEND"] = WITHOUT_KEYRING
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol")
    answer(child, KEY, GOOD_KEY)
    child.expect_exact("There is no keyring that keeps the key.")
    answer(child, TO_FILE, "y")
    answer(child, SAVE, "y")
    _, status = finish(child)

    assert status == 0
    assert GOOD_KEY in machine.index.read_text()
    assert stat.S_IMODE(machine.index.stat().st_mode) == 0o600


def test_key_that_goes_nowhere_is_noted(machine, openai):
    """
    Who wants no file is told the variables.
    """
    machine.environment["PYTHON_KEYRING_BACKEND"] = WITHOUT_KEYRING
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol")
    answer(child, KEY, GOOD_KEY)
    answer(child, TO_FILE, "n")
    answer(child, SAVE, "y")
    output, status = finish(child)

    assert status == 0
    assert "note: The key was not saved. Set OPENAI_API_KEY or BUDWOOD_PROVIDERS__OPENAI__API_KEY." in output
    assert not machine.index.exists()


QUESTIONS = {
    "provider": ("Number or name", "openai"),
    "key": (KEY, GOOD_KEY),
    "model": (MODEL, ""),
    "file": (TO_FILE, "y"),
    "save": (SAVE, "y"),
}


@pytest.mark.parametrize("last", QUESTIONS)
def test_interrupt_at_any_question_leaves_nothing(machine, openai, last):
    """
    Settings and stored keys are as before, and the status is 130.
    """
    machine.environment["PYTHON_KEYRING_BACKEND"] = WITHOUT_KEYRING
    machine.config.mkdir()
    machine.user_file.write_text(OLD)
    before = machine.snapshot()
    child = machine.start()
    for name, (question, text) in QUESTIONS.items():
        child.expect_exact(question)
        if name == last:
            child.sendintr()
            break
        child.sendline(text)
    _, status = finish(child)

    assert status == 130
    assert machine.snapshot() == before


@pytest.mark.usefixtures("closed_port")
def test_interrupt_at_the_question_after_a_failed_check_leaves_nothing(machine):
    """
    It is no answer.
    """
    child = machine.start("--provider", "openai")
    answer(child, KEY, GOOD_KEY)
    child.expect_exact(UNCHECKED)
    child.sendintr()
    _, status = finish(child)

    assert status == 130
    assert machine.snapshot() == {}


def test_interrupt_at_the_address_leaves_nothing(machine):
    """
    It is the first question for a server without a default address.
    """
    child = machine.start("--provider", "openai-compatible")
    child.expect_exact("Address of the server: ")
    child.sendintr()
    _, status = finish(child)

    assert status == 130
    assert machine.snapshot() == {}


def test_stored_key_is_offered(machine, openai):
    """
    A second run does not ask for the key again, and interrupting it changes nothing.
    """
    machine.run("--provider", "openai", "--token", "-", "--model", "gpt-6.1-sol", stdin=GOOD_KEY)
    before = machine.snapshot()
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol")
    answer(child, "Use the stored key of openai? [Y/n] ", "")
    output, status = finish(child)
    interrupted = machine.start("--provider", "openai")
    interrupted.expect_exact("Use the stored key of openai? [Y/n] ")
    interrupted.sendintr()

    assert (status, finish(interrupted)[1]) == (0, 130)
    assert "Nothing to change" in output
    assert machine.snapshot() == before


def test_local_server_is_found(machine):
    """
    A running Ollama comes first, and needs no key.
    """
    with Vendor(keys=None, models=("llama3.2:latest",)) as ollama:
        machine.environment["OLLAMA_HOST"] = ollama.root.removeprefix("http://")
        child = machine.start()
        child.expect_exact(f"ollama             running at {ollama.root}, 1 model")
        answer(child, "Number or name", "ollama")
        answer(child, "Number or name [llama3.2:latest]: ", "")
        answer(child, SAVE, "")
        _, status = finish(child)

    assert status == 0
    assert tomllib.loads(machine.user_file.read_text()) == {"model": "ollama/llama3.2:latest"}
    assert machine.secrets == {}


def test_other_model_can_be_typed(machine, openai):
    """
    The name may be written with the provider.
    """
    child = machine.start("--provider", "openai", "--yes")
    answer(child, KEY, GOOD_KEY)
    answer(child, MODEL, "another")
    answer(child, "Model: ", "openai/mine-1")
    answer(child, "Use it nevertheless? [y/N] ", "y")
    _, status = finish(child)

    assert status == 0
    assert tomllib.loads(machine.user_file.read_text()) == {"model": "openai/mine-1"}


def test_second_of_two_at_once_leaves_what_the_first_has_saved(machine, openai):
    """
    Its settings cannot be written any more, and the key that it takes back is not its own.
    """
    arguments = ("--provider", "openai", "--model", "gpt-6.1-sol")
    children = [machine.start(*arguments), machine.start(*arguments)]
    for child in children:
        answer(child, KEY, GOOD_KEY)
        child.expect_exact(SAVE)
    statuses = []
    for child in children:
        child.sendline("")
        statuses.append(finish(child)[1])

    assert statuses == [0, 3]
    assert machine.secrets == {"openai": GOOD_KEY}


def test_refused_changes_are_not_saved(machine, openai):
    """
    The last question can be answered by no.
    """
    child = machine.start("--provider", "openai", "--model", "gpt-6.1-sol")
    answer(child, KEY, GOOD_KEY)
    answer(child, SAVE, "n")
    output, status = finish(child)

    assert status == 0
    assert "Nothing was written." in output
    assert machine.snapshot() == {}
