from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from budwood import logs
from budwood.errors import BudwoodError
from budwood.logs import REDACTED, configure_logging, emit
from budwood_testing import chat_chunks, chat_reply, sse

SECRET = "sk-test-secret"
PROMPT = "what-nobody-else-shall-read"
ANSWER = "what-the-model-replied"


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch):
    """
    Reset the configuration of logging before each test.
    """
    monkeypatch.setattr(logs, "_logs_content", False)
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def events():
    """
    Return the events that a program receives that configured structlog itself.
    """
    with capture_logs() as captured:
        yield captured


def select_events(events, name):
    """
    Select the events with a name.
    """
    return [event for event in events if event["event"] == name]


def make_reply(reply):
    """
    Make a reply of the answer.
    """
    return reply.reply(200, chat_reply(ANSWER))


# Without configuration.


def test_nothing_is_written_by_default(client, scripted, capfd):
    """
    Neither successful nor failed calls write to the log.
    """
    scripted.reply(500).reply(500).reply(500)
    make_reply(scripted)

    with pytest.raises(BudwoodError):
        client.ask(PROMPT)
    client.ask(PROMPT)

    assert capfd.readouterr() == ("", "")


def test_structlog_is_imported_only_for_logging():
    """
    Programs that do not log do not import it.
    """
    code = (
        "import sys, budwood\n"
        "from budwood_testing import FakeClock, ScriptedTransport, chat_reply\n"
        "script = ScriptedTransport().reply(200, chat_reply('x'))\n"
        "client = budwood.Client('openai/m', api_key='k', transport=script, clock=FakeClock())\n"
        "assert client.ask('hi').text == 'x'\n"
        "assert 'structlog' not in sys.modules\n"
        "budwood.configure_logging()\n"
        "assert 'structlog' in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)


def test_structlog_that_is_only_imported_is_not_configured(client, scripted, capfd):
    """
    Another library may use structlog.
    """
    assert not structlog.is_configured()

    make_reply(scripted).calls.clear()
    client.ask(PROMPT)

    assert capfd.readouterr() == ("", "")


# The kinds of events.


def test_one_event_for_each_attempt_and_one_for_the_request(client, scripted, events):
    """
    A retried call has two attempts and one request with the same id.
    """
    make_reply(scripted.reply(503, headers={"x-request-id": "req_1"}))

    client.ask(PROMPT)

    assert [event["event"] for event in events] == ["attempt", "attempt", "request"]
    assert len({event["call"] for event in events}) == 1
    assert [event["status"] for event in select_events(events, "attempt")] == [503, 200]
    assert [event["number"] for event in select_events(events, "attempt")] == [1, 2]
    first, second, request = events
    assert (first["provider"], first["model"], first["error"]) == ("openai", "gpt-4o", "CapacityError")
    assert first["request_id"] == "req_1"
    assert first["delay"] == 0
    assert second["delay"] > 0
    assert (request["attempts"], request["finish_reason"], request["error"]) == (2, "stop", None)
    assert [(event["input_tokens"], event["output_tokens"]) for event in events] == [(None, None), (5, 7), (5, 7)]
    assert request["seconds"] == pytest.approx(second["delay"], abs=1e-6)


def test_two_calls_have_two_ids(client, scripted, events):
    """
    Their events can be distinguished.
    """
    make_reply(make_reply(scripted))

    client.ask(PROMPT)
    client.ask(PROMPT)

    assert len({event["call"] for event in select_events(events, "request")}) == 2


def test_failed_request_is_a_warning(client, scripted, events):
    """
    It has the class of the error.
    """
    scripted.reply(401, {"error": {"message": f"no {SECRET}"}})

    with pytest.raises(BudwoodError):
        client.ask(PROMPT)

    (request,) = select_events(events, "request")
    assert (request["log_level"], request["error"]) == ("warning", "AuthenticationError")
    assert len(select_events(events, "attempt")) == 1


def test_stream_has_the_same_events(client, scripted, events):
    """
    They are written when the stream ends.
    """
    scripted.reply(200, chunks=sse(*chat_chunks([ANSWER])))

    with client.stream(PROMPT) as stream:
        list(stream)

    assert [event["event"] for event in events] == ["attempt", "request"]


def test_async_client_has_the_same_events(async_client, scripted, events):
    """
    Both clients log alike.
    """
    make_reply(scripted.reply(503))

    asyncio.run(async_client.ask(PROMPT))

    assert [event["event"] for event in events] == ["attempt", "attempt", "request"]


def test_an_abandoned_stream_has_an_event(client, scripted, events):
    """
    The request is logged with the error "Abandoned".
    """
    scripted.reply(200, chunks=sse(*chat_chunks(["one", "two", "three"])))

    with client.stream(PROMPT) as stream:
        next(iter(stream))

    assert [event["error"] for event in select_events(events, "request")] == ["Abandoned"]


def test_embeddings_and_lists_of_models_have_events(client, scripted, events):
    """
    Every service has them.
    """
    scripted.reply(200, {"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 3}})
    scripted.reply(200, {"data": [{"id": "gpt-4o"}]})

    client.embed("text", model="openai/text-embedding-3-small")
    client.models()

    assert [event["input_tokens"] for event in select_events(events, "request")] == [3, None]


def test_tools_have_their_own_events(client, scripted, events):
    """
    They have the tool's name and success, but not its arguments and result.
    """

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"{ANSWER} {city}"

    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": json.dumps({"city": PROMPT})}}
    scripted.reply(200, chat_reply("", tool_calls=[call], finish_reason="tool_calls"))
    make_reply(scripted)

    client.ask("hi", tools=[weather])

    (tool,) = select_events(events, "tool")
    assert (tool["name"], tool["failed"]) == ("weather", False)
    assert (tool["arguments"], tool["result"]) == (REDACTED, REDACTED)


def test_cached_reply_is_a_request_without_an_attempt(scripted, clock, events):
    """
    Nothing was sent, and the event says so.
    """
    from budwood import Client

    make_reply(scripted)
    with Client("openai/gpt-4o", api_key=SECRET, transport=scripted, clock=clock, cache="memory") as client:
        client.ask(PROMPT)
        events.clear()
        client.ask(PROMPT)

    assert [event["event"] for event in events] == ["request"]
    assert events[0]["cached"] is True


# The contents of events.


@pytest.mark.parametrize("content", [False, True])
@pytest.mark.parametrize("json_lines", [False, True])
def test_no_secret_reaches_the_log(content, json_lines, client, scripted, capsys):
    """
    This applies with and without content, to successes and to failures in which the server repeats the key.
    """
    configure_logging(level="debug", json=json_lines, content=content)
    scripted.reply(401, {"error": {"message": f"bad key {SECRET}", "code": SECRET}})
    make_reply(scripted)

    with pytest.raises(BudwoodError):
        client.ask(PROMPT)
    client.ask(PROMPT)

    written = capsys.readouterr()
    assert written.out == ""
    assert "attempt" in written.err
    assert SECRET not in written.err


def test_content_is_redacted_by_default(client, scripted, capsys):
    """
    Prompts and replies are written only with `content=True`.
    """
    make_reply(make_reply(scripted))

    configure_logging(json=True)
    client.ask(PROMPT)
    without = capsys.readouterr().err
    configure_logging(json=True, content=True)
    client.ask(PROMPT)
    request = json.loads(capsys.readouterr().err.splitlines()[-1])

    assert PROMPT not in without
    assert ANSWER not in without
    assert REDACTED in without
    assert (request["prompt"], request["text"]) == (PROMPT, ANSWER)


@pytest.mark.parametrize("name", sorted(logs.CONTENT_FIELDS))
def test_fields_of_content_are_redacted_by_name(name, events):
    """
    Events of plugins are redacted as well.
    """
    emit("anything", **{name: PROMPT})

    assert events[0][name] == REDACTED


@pytest.mark.parametrize(
    "name",
    ["api_key", "API_KEY", "openai_api_key", "x-api-key", "Authorization", "password", "client_secret", "Set-Cookie"],
)
@pytest.mark.parametrize("content", [False, True])
def test_fields_with_names_of_secrets_are_redacted(name, content, events, monkeypatch):
    """
    No option changes that.
    """
    monkeypatch.setattr(logs, "_logs_content", content)

    emit("anything", **{name: SECRET})

    assert events[0][name] == REDACTED


def test_nested_fields_are_redacted(events):
    """
    Headers are a table that contains the key.
    """
    emit("sent", headers={"Authorization": f"Bearer {SECRET}", "accept": "*/*", "more": {"x-api-key": SECRET}})

    assert events[0]["headers"] == {"Authorization": REDACTED, "accept": "*/*", "more": {"x-api-key": REDACTED}}


def test_token_counts_are_not_redacted(events):
    """
    Numbers and names are not changed.
    """
    emit("request", input_tokens=5, key="default", model="gpt-4o", nothing=None)

    assert (events[0]["input_tokens"], events[0]["key"], events[0]["model"]) == (5, "default", "gpt-4o")
    assert events[0]["nothing"] is None


def test_secret_values_are_not_written(capsys):
    """
    A `SecretStr` is never written, whatever the name of the field.
    """
    configure_logging()

    emit("anything", value=SecretStr(SECRET))

    assert SECRET not in capsys.readouterr().err


# The format of events.


def test_events_are_lines_of_json_on_standard_error(capsys):
    """
    Standard output is only for data.
    """
    configure_logging(json=True)

    emit("one", number=1)
    emit("two", level="warning")

    written = capsys.readouterr()
    first, second = map(json.loads, written.err.splitlines())
    assert written.out == ""
    assert (first["event"], first["number"], first["level"]) == ("one", 1, "info")
    assert second["level"] == "warning"
    assert first["timestamp"].endswith("Z")


def test_events_below_the_level_are_not_written(capsys):
    """
    The level is the lowest that is written.
    """
    configure_logging(level="warning")

    emit("small", level="info")
    emit("large", level="warning")

    assert "small" not in (written := capsys.readouterr().err)
    assert "large" in written


def test_logging_can_be_configured_again(capsys):
    """
    The last configuration applies.
    """
    configure_logging(json=True, content=True)
    emit("one", prompt=PROMPT)
    configure_logging()
    capsys.readouterr()

    emit("two", prompt=PROMPT)

    assert PROMPT not in capsys.readouterr().err


def test_context_of_the_program_is_part_of_each_event(capsys):
    """
    Values that the program binds, such as a request id, are in the events.
    """
    configure_logging(json=True)

    with structlog.contextvars.bound_contextvars(order="o-1"):
        emit("one")

    assert json.loads(capsys.readouterr().err)["order"] == "o-1"


@pytest.mark.parametrize("text", ["/a\0", "\x1b[2J", "a b\0", "\u202ea", "a\nb"])
def test_texts_that_are_not_printable_are_quoted(text, capsys):
    """
    A request for such a path cannot change a terminal, nor make the log binary.
    """
    configure_logging()
    emit("one", path=text)

    written = capsys.readouterr().err.removesuffix("\n")
    assert written.isprintable()
    assert f"path={text!r}" in written


def test_tracebacks_have_no_colors_and_no_local_variables(capsys):
    """
    This also holds for events of the program, whose structlog Budwood configures, and if rich is installed.
    """
    local_secret = SECRET
    configure_logging()
    try:
        int("x" * bool(local_secret))
    except ValueError:
        structlog.get_logger("program").exception("failed")

    written = capsys.readouterr().err
    assert "ValueError: invalid literal" in written
    assert "\x1b" not in written
    assert SECRET not in written


@pytest.mark.parametrize(("level", "written"), [("info", True), ("warning", False)])
def test_events_below_the_level_are_not_prepared(level, written, capsys):
    """
    An event that the level leaves out costs only the look at the level.
    """
    logs.configure_logging(level=level)

    assert logs.is_enabled("info") is written
    assert logs.is_enabled("warning")
    logs.emit("small")
    assert ("small" in capsys.readouterr().err) is written
