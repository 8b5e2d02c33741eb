from __future__ import annotations

import pytest

from budwood.engine.chat import foreign_options
from budwood.engine.chat.option_types import AskOptions, ClientOptions, ServiceOptions
from budwood.errors import ConfigurationError, PromptError
from budwood_testing import chat_reply


@pytest.mark.parametrize(
    ("options", "expected_error"),
    [
        ({"temprature": 1}, "Unknown option 'temprature'.*temperature"),
        ({"n": 3}, "Unknown option 'n'.*extra"),
        ({"api_key": "k"}, r"Unknown option 'api_key'.*Client\(…, api_key=…\)"),
        ({"stream": True}, r"Unknown option 'stream'.*client\.stream"),
        ({"temperature": -1}, "temperature: .*greater than or equal to 0"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"top_p": 2}, "top_p"),
        ({"reasoning_effort": "furious"}, "reasoning_effort"),
        ({"timeout": 0}, "timeout"),
        ({"retries": -1}, "retries"),
        ({"on_unsupported": "shrug"}, "on_unsupported"),
        ({"schema_mode": "magic", "schema": {}}, "Invalid schema_mode 'magic'"),
        ({"schema": "a person"}, "schema= is of the type str"),
        ({"tool_choice": "weather"}, "Invalid tool_choice 'weather'.*or the name of a tool of this call"),
        ({"tools": len}, "tools= must be a list of functions; got builtin"),
        ({"stop": 5}, "stop= must be a list of texts; got int"),
        ({"extra": [1]}, "extra= must be a dictionary; got list"),
        ({"extra": {"a": object()}}, "extra"),
        ({"files": "a.txt"}, "files= must be a list of files; got str"),
    ],
)
def test_invalid_options_are_refused(client, scripted, options, expected_error):
    """
    Unknown options and invalid values are configuration errors; nothing is sent.
    """
    with pytest.raises(ConfigurationError, match=expected_error):
        client.ask("Hi", **options)

    assert scripted.calls == []


def test_hints_never_suggest_extra_for_client_arguments(client):
    """
    A key in `extra` would be sent in the request body.
    """
    for name in ("api_key", "base_url", "transport", "observers"):
        with pytest.raises(ConfigurationError) as caught:
            client.ask("Hi", **{name: "x"})
        assert "extra" not in caught.value.hint


def test_files_of_other_types_are_prompt_errors(client, scripted):
    """
    The message contains the type, and nothing is sent.
    """
    with pytest.raises(PromptError, match="A file is of the type int"):
        client.ask("Hi", files=[3])

    assert scripted.calls == []


def test_options_of_none_are_left_out(client, scripted):
    """
    None means the default of the vendor.
    """
    scripted.reply(body=chat_reply())

    client.ask("Hi", temperature=None, tools=None, schema=None, stop=None, extra=None, model=None, timeout=None)

    assert set(scripted.sent()) == {"model", "messages"}


def test_parameters_are_sent_under_the_vendors_names(client, scripted):
    """
    Only the parameters that were passed are sent, and the vendor's parameters unchanged.
    """
    scripted.reply(body=chat_reply())

    client.ask("Hi", temperature=0.2, top_p=0.5, max_tokens=9, stop="END", seed=3, extra={"logit_bias": {"5": -100}})

    sent = scripted.sent()
    del sent["messages"]
    assert sent == {
        "model": "gpt-4o",
        "temperature": 0.2,
        "top_p": 0.5,
        "max_tokens": 9,
        "stop": ["END"],
        "seed": 3,
        "logit_bias": {"5": -100},
    }


def test_options_of_a_call_take_precedence(make_client, scripted, clock):
    """
    Options of the call override those of the client, which override the settings and the defaults.
    """
    settings = {"options": {"timeout": 30, "connect_timeout": 3, "idle_timeout": 2}}
    scripted.reply(body=chat_reply())

    make_client(settings=settings, timeout=20, connect_timeout=4).ask("Hi", timeout=10)

    timing = scripted.timings[0]
    assert (timing.deadline - clock.now, timing.connect_timeout, timing.idle_timeout) == (10, 4, 2)


def test_hints_for_other_libraries_do_not_name_own_options():
    """
    An option of Budwood is known, so that a hint for it would be wrong.
    """
    known = {*AskOptions.__optional_keys__, *ServiceOptions.__optional_keys__, *ClientOptions.__optional_keys__}

    assert [name for name in foreign_options._HINTS if name in known] == []
