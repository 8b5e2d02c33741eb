"""Requests that OpenAI rejects: strict schemas and unsupported parameters; tool results of any Python type."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from pydantic import BaseModel, ConfigDict

from budwood_testing import chat_reply
from tests.reports.wire import CALL


@pytest.mark.report("openai/openai-python#2740", outcome="right")
def test_a_model_that_allows_extra_fields_is_not_sent_as_strict(scripted, make_client):
    """
    `extra="allow"` implies `additionalProperties: true`, which strict mode rejects: the schema is not sent as strict.
    """

    class Answer(BaseModel):
        model_config = ConfigDict(extra="allow")
        field: str

    scripted.reply(200, chat_reply('{"field": "x"}'))

    make_client("openai/gpt-4.1", api="chat").ask("Hi", schema=Answer)

    sent = scripted.sent()["response_format"]["json_schema"]
    assert sent["schema"]["additionalProperties"] is False or not sent.get("strict")


@pytest.mark.report("microsoft/agent-framework#2746", outcome="right")
def test_fields_with_defaults_are_required_in_strict_mode(scripted, make_client):
    """
    Strict mode requires every property in `required`, even those with defaults.
    """

    class Choice(BaseModel):
        participant: str | None = None
        finish: bool = False

    scripted.reply(200, chat_reply('{"participant": null, "finish": true}'))

    reply = make_client("openai/gpt-4.1", api="chat").ask("Hi", schema=Choice)

    sent = scripted.sent()["response_format"]["json_schema"]
    assert not sent.get("strict") or sorted(sent["schema"]["required"]) == ["finish", "participant"]
    assert reply.parsed == Choice(participant=None, finish=True)


@pytest.mark.report("repowise-dev/repowise#987", outcome="right")
@pytest.mark.report("IBM/chuk-llm#3", outcome="right")
@pytest.mark.parametrize("api", ["chat", "responses"])
def test_parameters_that_a_reasoning_model_rejects_are_not_sent(api, scripted, make_client):
    """
    For gpt-5, the temperature is dropped and `max_tokens` renamed; both are listed as adaptations.
    """
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}
    responses = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": [item]}
    scripted.reply(200, responses if api == "responses" else chat_reply("Hi."))

    reply = make_client("openai/gpt-5", api=api).ask("Hello", temperature=0.3, max_tokens=50)

    sent = scripted.sent()
    assert not {"temperature", "max_tokens"} & set(sent)
    assert sent[{"chat": "max_completion_tokens", "responses": "max_output_tokens"}[api]] == 50
    assert "temperature" in {adaptation.parameter for adaptation in reply.adaptations}


@pytest.mark.report("MartialBE/one-hub#346", outcome="right")
def test_a_parameter_that_an_unknown_model_rejects_is_learned(scripted, make_client):
    """
    If an error names a parameter, the request is retried without it, and later requests omit it.
    """
    message = (
        "Unsupported value: 'temperature' does not support 0.6 with this model. Only the default (1) is supported."
    )
    error = {"code": "unsupported_value", "type": "invalid_request_error", "param": "temperature", "message": message}
    scripted.reply(400, {"error": error}).reply(200, chat_reply("Hi.")).reply(200, chat_reply("Hi."))
    client = make_client("openai/gpt-9-preview", api="chat")

    for _turn in range(2):
        client.ask("Hello", temperature=0.6)

    assert ["temperature" in scripted.sent(number) for number in range(3)] == [True, False, False]


@pytest.mark.report("microsoft/agent-framework#2219", outcome="right")
@pytest.mark.report("bojieli/ai-agent-book#206", outcome="right")
def test_results_of_tools_may_hold_dates_decimals_and_sets(scripted, make_client):
    """
    A tool may return any Python types; the model receives them as text.
    """
    call = {**CALL, "function": {"name": "reminders", "arguments": "{}"}}
    scripted.reply(200, chat_reply(tool_calls=[call], finish_reason="tool_calls")).reply(200, chat_reply("Two."))

    make_client().ask("Reminders?", tools=[reminders])

    content = scripted.sent()["messages"][2]["content"]
    assert "2026-08-08" in content
    assert "19.90" in content
    assert "milk" in content


def reminders():
    """
    List reminders.
    """
    return {"due": datetime(2026, 8, 8, 9, tzinfo=UTC), "price": Decimal("19.90"), "what": {"milk"}}
