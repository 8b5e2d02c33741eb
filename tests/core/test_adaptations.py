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


def get_actions(reply) -> dict[str, str]:
    """
    Return the action of each adapted parameter.
    """
    return {adaptation.parameter: adaptation.action for adaptation in reply.adaptations}


def get_sent_parameters(scripted) -> dict:
    """
    Return the parameters of the last request.
    """
    return {name: value for name, value in scripted.sent().items() if name not in ("model", "messages")}


def test_rejected_parameters_are_dropped_and_reported(client, scripted):
    """
    A reasoning model gets no sampling parameters; each adaptation has the reason and its source.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", seed=1, **SAMPLING)

    assert get_sent_parameters(scripted) == {"seed": 1}
    assert get_actions(reply) == dict.fromkeys(SAMPLING, "dropped")
    assert reply.adaptations[0].reason.startswith("o3 rejects it (")


def test_renamed_parameters_are_reported(client, scripted):
    """
    `max_tokens` is `max_completion_tokens` for newer models.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", max_tokens=9)

    assert get_sent_parameters(scripted) == {"max_completion_tokens": 9}
    (adaptation,) = reply.adaptations
    assert (adaptation.parameter, adaptation.action, adaptation.reason) == (
        "max_tokens", "renamed", "o3 calls it max_completion_tokens"
    )  # fmt: skip


def test_without_rules_nothing_is_adapted(client, scripted):
    """
    The request has all parameters, and there are no adaptations.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/gpt-4o", max_tokens=9, **SAMPLING)

    assert get_sent_parameters(scripted) == {"max_tokens": 9, **SAMPLING}
    assert reply.adaptations == ()


@pytest.mark.parametrize(
    ("model", "effort", "is_sent"),
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
def test_sampling_may_depend_on_the_effort(client, scripted, model, effort, is_sent):
    """
    The temperature is sent depending on the effort, explicit or default.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model=f"openai/{model}", temperature=0.5, reasoning_effort=effort)

    assert ("temperature" in get_sent_parameters(scripted)) == is_sent
    assert ("temperature" in get_actions(reply)) == (not is_sent)


def test_rows_of_the_user_take_precedence(make_client, scripted):
    """
    They rename and reject parameters, also of new models.
    """
    settings = {"models": {**RULES["models"], "openai/o3": {"renames": {}, "refuses": []}}}
    client = make_client(settings=settings)
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))

    odd = client.ask("Hello", model="openai/odd-1", max_tokens=9, seed=3, stop="END", temperature=0.1)
    assert get_sent_parameters(scripted) == {"most_tokens": 9, "chance": 3, "temperature": 0.1}
    assert get_actions(odd) == {"max_tokens": "renamed", "seed": "renamed", "stop": "dropped"}
    assert "the vendor's page" in odd.adaptations[1].reason + odd.adaptations[2].reason

    free = client.ask("Hello", model="openai/o3", temperature=0.1)
    assert get_sent_parameters(scripted) == {"temperature": 0.1}
    assert free.adaptations == ()


def test_rows_of_an_instance_apply_only_to_it(make_client, scripted):
    """
    The instance's row comes before the plugin's, and the longest pattern applies.
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
        dropped.append(set(get_actions(client.ask("Hello", model=model, seed=1, stop="x", top_p=0.5))))

    assert dropped == [{"seed"}, {"stop"}, {"top_p"}]


@pytest.mark.parametrize("row", [{"refuse": ["stop"]}, {"lacks": ["wings"]}, {"renames": ["max_tokens"]}])
def test_an_invalid_row_is_an_error(make_client, row):
    """
    Unknown keys and values are configuration errors that name the row.
    """
    with pytest.raises(ConfigurationError, match="openai/odd"):
        make_client(settings={"models": {"openai/odd": row}})


def test_adaptations_can_be_warnings(make_client, scripted):
    """
    With `on_unsupported="warn"` the request is sent, and a warning has the adaptations.
    """
    scripted.reply(body=chat_reply("Hi"))
    client = make_client("openai/o3", on_unsupported="warn")

    with pytest.warns(UserWarning, match=r"openai/o3: temperature: o3 rejects it"):
        reply = client.ask("Hello", temperature=0.5)

    assert get_actions(reply) == {"temperature": "dropped"}


def test_without_adaptations_there_is_no_warning(make_client, scripted):
    """
    There is no error either.
    """
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        make_client("openai/o3", on_unsupported="warn").ask("Hello")
        make_client("openai/o3", on_unsupported="error").ask("Hello")


@pytest.mark.parametrize("options", [{"temperature": 0.5}, {"max_tokens": 5}])
def test_adaptations_can_be_errors(client, async_client, scripted, options):
    """
    With `on_unsupported="error"` nothing is sent, for complete, streamed and async calls.
    """
    strict = {"model": "openai/o3", "on_unsupported": "error", **options}

    with pytest.raises(UnsupportedError, match="does not support all parameters") as raised:
        client.ask("Hello", **strict)
    assert raised.value.param in options
    with client.stream("Hello", **strict) as stream, pytest.raises(UnsupportedError):
        list(stream)
    with pytest.raises(UnsupportedError):
        asyncio.run(async_client.ask("Hello", **strict))

    assert scripted.calls == []


def test_streams_and_rounds_report_adaptations(make_client, scripted):
    """
    Each parameter is reported once per call.
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

    assert get_actions(stream.response) == {"temperature": "dropped"}
    assert [adaptation.parameter for adaptation in reply.adaptations] == ["temperature"]
    assert len(reply.attempts) == 3


def test_unsupported_parameters_of_a_server_are_reported(make_client, scripted):
    """
    Without `tool_choice` only the tools are sent.
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

    assert set(get_sent_parameters(scripted)) == {"tools"}
    assert get_actions(reply) == {"tool_choice": "dropped"}


def test_extra_parameters_are_never_adapted(client, scripted):
    """
    No rule applies to `extra`.
    """
    scripted.reply(body=chat_reply("Hi"))

    reply = client.ask("Hello", model="openai/o3", extra={"temperature": 0.5})

    assert get_sent_parameters(scripted) == {"temperature": 0.5}
    assert reply.adaptations == ()
