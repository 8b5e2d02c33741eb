"""No error, repr, log or state contains any of several keys, also not one that the failed attempt did not use."""

from __future__ import annotations

import pickle
import traceback

import pytest
import structlog

from budwood.errors import BudwoodError
from budwood_testing import ScriptedTransport, sse
from tests.core.test_secrets_in_errors import get_reachable_text

KEYS = ["sk-the-first/secret", "sk-the-second+secret", "sk-the-third=secret"]
BACKUP = "sk-the-backup's-secret"
ALL = (*KEYS, BACKUP)
SETTINGS = {
    "providers": {
        "openai": {
            "keys": [{"secret": key, "label": f"label-{number}"} for number, key in enumerate(KEYS, 1)],
            "backups": [{"base_url": "https://b.example", "api_key": BACKUP}],
        }
    }
}
CHATTY = {"error": {"message": f"Wrong keys: {' and '.join(KEYS)}", "type": KEYS[1], "param": None, "code": KEYS[2]}}


def is_clean(text: str) -> bool:
    """
    Return whether a text contains no key, nor a part of one.
    """
    return not any(part in text for key in ALL for part in (key, key[6:], key[:12]))


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("status", "body"), [(401, CHATTY), (429, CHATTY), (500, CHATTY), (200, CHATTY)])
def test_an_error_contains_none_of_the_keys(make_client, scripted, streamed, status, body):
    """
    A server may repeat all keys that it has ever received, in any field of an error.
    """
    for _ in range(20):
        scripted.reply(status, **({"chunks": sse(body)} if streamed and status == 200 else {"body": body}))
    client = make_client(api_key=None, settings=SETTINGS, timeout=20.0)

    with pytest.raises(BudwoodError) as caught:
        list(client.stream("Hi")) if streamed else client.ask("Hi")

    error = caught.value
    assert status == 429 or "[redacted]" in str(error)
    assert is_clean(get_reachable_text(error))
    assert is_clean("".join(traceback.format_exception(error)))
    assert is_clean(pickle.dumps(error).decode("latin-1"))


def test_the_error_that_later_calls_raise_contains_none_of_the_keys(make_client, scripted):
    """
    It repeats what the vendor said when it rejected the last key.
    """
    settings = {"providers": {"openai": {"api_key": KEYS}}}
    for _ in KEYS:
        scripted.reply(401, CHATTY)
    client = make_client(api_key=None, settings=settings)
    for _ in range(2):
        with pytest.raises(BudwoodError, match="redacted") as caught:
            client.ask("Hi")

        assert is_clean(get_reachable_text(caught.value))
    assert is_clean(get_reachable_text(client._engine.endpoints.get("openai").pool._refusal))


def test_reprs_and_states_contain_none_of_the_keys(make_client):
    """
    Nor do the identities by which clients find their shared state.
    """
    client = make_client(api_key=None, settings=SETTINGS)
    endpoint = client._engine.endpoints.get("openai")
    state = client._engine.endpoints.state
    shown = [client, endpoint, endpoint.settings, endpoint.pool, *endpoint.pool.keys, endpoint.pool.keys[0].lease]

    assert is_clean(" ".join(map(repr, [*shown, *shown[-1], client.keys(), client.endpoints()])))
    assert is_clean(repr((list(state._pools), list(state._healths))))


def test_logs_contain_the_label_only(make_client):
    """
    A rejected key and an exhausted quota are warnings.
    """
    spent = {"error": {"message": f"{KEYS[1]} is used up", "type": None, "param": None, "code": "insufficient_quota"}}
    transport = ScriptedTransport().reply(401, CHATTY).reply(429, spent).reply(500, CHATTY)
    settings = {"providers": {"openai": {"keys": SETTINGS["providers"]["openai"]["keys"]}}}
    structlog.configure()
    try:
        with structlog.testing.capture_logs() as logs, pytest.raises(BudwoodError):
            make_client(api_key=None, settings=settings, transport=transport, retries=0).ask("Hi")
    finally:
        structlog.reset_defaults()

    warnings = [(entry["event"], entry.get("key")) for entry in logs if entry["log_level"] == "warning"]
    assert [warning for warning in warnings if warning[1]] == [
        ("key rejected", "label-1"), ("quota exhausted", "label-2")
    ]  # fmt: skip
    assert is_clean(repr(logs))
