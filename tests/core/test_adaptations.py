from __future__ import annotations

import asyncio
import warnings

import pytest

from budwood.errors import ConfigurationError, UnsupportedError
from budwood_testing import chat_chunks, chat_reply, sse

SAMPLING = {"temperature": 0.2, "top_p": 0.5, "presence_penalty": 1.0, "frequency_penalty": 1.0}
RULES = {
    "models": {
        "openai/odd*": {
            "renames": {"max_tokens": "most_tokens", "seed": "chance"},
            "refuses": ["stop"],
            "source": "the vendor's page",
        }
    }
}


def told(reply) -> dict[str, str]:
    """Return what was done to each parameter."""
    return {receipt.parameter: receipt.action for receipt in reply.adaptations}


def sent(scripted) -> dict:
    """Return the parameters of the last request."""
    return {name: value for name, value in scripted.sent().items() if name not in ("model", "messages")}


def test_what_a_model_refuses_is_dropped_and_told(client, scripted):
    """
    A reasoning model is sent no sampling parameters; each is in the receipts, with the reason and its source.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", seed=1, **SAMPLING)

    assert sent(scripted) == {"seed": 1}
    assert told(reply) == dict.fromkeys(SAMPLING, "dropped")
    assert reply.adaptations[0].reason.startswith("o3 rejects it (")


def test_what_a_model_wants_under_another_name_is_renamed_and_told(client, scripted):
    """
    `max_tokens` is `max_completion_tokens` for newer models, and the receipt says so.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", max_tokens=9)

    assert sent(scripted) == {"max_completion_tokens": 9}
    (receipt,) = reply.adaptations
    assert (receipt.parameter, receipt.action, receipt.reason) == (
        "max_tokens", "renamed", "o3 calls it max_completion_tokens"
    )  # fmt: skip


def test_a_model_that_takes_everything_gets_everything(client, scripted):
    """
    Without rules nothing is changed, and there are no receipts.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/gpt-4o", max_tokens=9, **SAMPLING)

    assert sent(scripted) == {"max_tokens": 9, **SAMPLING}
    assert reply.adaptations == ()


@pytest.mark.parametrize(
    ("model", "effort", "taken"),
    [
        ("gpt-5", None, False),
        ("gpt-5-chat-latest", None, True),
        ("gpt-5.1", None, True),
        ("gpt-5.1", "none", True),
        ("gpt-5.1", "low", False),
        ("gpt-5.5", None, False),
        ("gpt-5.5", "none", True),
        ("GPT-5.1", None, True),
        ("gpt-5.4-pro", "none", False),
        ("o4-mini", "none", False),
    ],
)
def test_some_models_take_sampling_only_while_they_do_not_reason(client, scripted, model, effort, taken):
    """
    Whether the temperature is sent depends on the effort, said or the model's own default.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=f"openai/{model}", temperature=0.5, reasoning_effort=effort)

    assert ("temperature" in sent(scripted)) == taken
    assert ("temperature" in told(reply)) == (not taken)


def test_users_rows_come_before_the_catalogs(make_client, scripted):
    """
    Rows of the settings rename and refuse, for new models and in the place of what the catalog says.
    """
    settings = {"models": {**RULES["models"], "openai/o3": {"renames": {}, "refuses": []}}}
    client = make_client(settings=settings)
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))

    odd = client.ask("Hello", model="openai/odd-1", max_tokens=9, seed=3, stop="END", temperature=0.1)
    assert sent(scripted) == {"most_tokens": 9, "chance": 3, "temperature": 0.1}
    assert told(odd) == {"max_tokens": "renamed", "seed": "renamed", "stop": "dropped"}
    assert "the vendor's page" in odd.adaptations[1].reason + odd.adaptations[2].reason

    free = client.ask("Hello", model="openai/o3", temperature=0.1)
    assert sent(scripted) == {"temperature": 0.1}
    assert free.adaptations == ()


def test_rows_for_an_instance_bind_it_alone(make_client, scripted):
    """
    A row names an instance or its plugin; the instance's comes first, and the longest pattern wins.
    """
    settings = {
        "providers": {"work": {"plugin": "openai", "api_key": "k"}},
        "models": {
            "openai/*": {"refuses": ["seed"]},
            "work/*": {"refuses": ["stop"]},
            "work/special*": {"refuses": ["top_p"]},
        },
    }
    client = make_client(settings=settings)
    dropped = []
    for model in ("openai/m", "work/m", "work/special-1"):
        scripted.reply(body=chat_reply("Hi"))
        dropped.append(set(told(client.ask("Hello", model=model, seed=1, stop="x", top_p=0.5))))

    assert dropped == [{"seed"}, {"stop"}, {"top_p"}]


@pytest.mark.parametrize("row", [{"refuse": ["stop"]}, {"lacks": ["wings"]}, {"renames": ["max_tokens"]}])
def test_a_row_with_a_mistake_is_refused(make_client, row):
    """
    Unknown keys and values in a user's row are configuration errors that name the row.
    """
    with pytest.raises(ConfigurationError, match="openai/odd"):
        make_client(settings={"models": {"openai/odd": row}})


def test_a_warning_is_given_on_demand(make_client, scripted):
    """
    With `on_unsupported="warn"` the request is sent, and a warning says what was changed.
    """
    scripted.reply(body=chat_reply("Hi"))
    client = make_client("openai/o3", on_unsupported="warn")

    with pytest.warns(UserWarning, match=r"openai/o3: temperature: o3 rejects it"):
        reply = client.ask("Hello", temperature=0.5)

    assert told(reply) == {"temperature": "dropped"}


def test_without_changes_there_is_no_warning(make_client, scripted):
    """
    A request that is sent as given is nothing to warn of, nor to refuse.
    """
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        make_client("openai/o3", on_unsupported="warn").ask("Hello")
        make_client("openai/o3", on_unsupported="error").ask("Hello")


@pytest.mark.parametrize("options", [{"temperature": 0.5}, {"max_tokens": 5}])
def test_an_error_is_given_on_demand_and_nothing_is_sent(client, async_client, scripted, options):
    """
    With `on_unsupported="error"` a change is refused before sending, whole, streamed and async.
    """
    strict = {"model": "openai/o3", "on_unsupported": "error", **options}

    with pytest.raises(UnsupportedError, match="does not support all parameters"):
        client.ask("Hello", **strict)
    with client.stream("Hello", **strict) as stream, pytest.raises(UnsupportedError):
        list(stream)
    with pytest.raises(UnsupportedError):
        asyncio.run(async_client.ask("Hello", **strict))

    assert scripted.calls == []


def test_receipts_come_with_streams_and_with_several_rounds(make_client, scripted):
    """
    Each parameter is told of once, however many requests a call takes.
    """

    def act() -> str:
        return "done"

    call = {"id": "c1", "function": {"name": "act", "arguments": "{}"}}
    scripted.reply(chunks=sse(*chat_chunks(["Hi"]))).reply(500)
    scripted.reply(body=chat_reply(None, tool_calls=[call])).reply(body=chat_reply("Ok."))
    client = make_client("openai/o3")

    with client.stream("Hello", temperature=0.5) as stream:
        list(stream)
    reply = client.ask("Hello", temperature=0.5, tools=[act])

    assert told(stream.response) == {"temperature": "dropped"}
    assert [receipt.parameter for receipt in reply.adaptations] == ["temperature"]
    assert len(reply.attempts) == 3


def test_what_a_server_lacks_is_dropped_and_told(make_client, scripted):
    """
    A server without `tool_choice` is sent the tools alone, with a receipt.
    """

    def act() -> str:
        return "done"

    settings = {
        "providers": {
            "here": {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1", "lacks": ["tool_choice"]}
        }
    }
    scripted.reply(body=chat_reply("Ok."))

    reply = make_client(settings=settings).ask("Hi", model="here/m", tools=[act], tool_choice="required")

    assert set(sent(scripted)) == {"tools"}
    assert told(reply) == {"tool_choice": "dropped"}


def test_the_vendors_own_parameters_are_sent_as_they_are(client, scripted):
    """
    What stands in `extra` is the caller's word: no rule touches it.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", extra={"temperature": 0.5})

    assert sent(scripted) == {"temperature": 0.5}
    assert reply.adaptations == ()
