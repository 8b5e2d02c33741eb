"""Repairs of invalid structured output, as often as the caller allows."""

from __future__ import annotations

import pytest

from budwood.errors import StructuredOutputError
from budwood_testing import ScriptedReply, chat_reply
from tests.core.engine.structured import ADA, NO_SCHEMA, PERSON, Person, make_tool_reply


@pytest.mark.parametrize("schema", [Person, PERSON])
def test_validation_errors_are_sent_back(client, scripted, schema):
    """
    The model receives the errors and corrects its reply; usage and attempts include both requests.
    """
    scripted.reply(body=chat_reply('{"name": "Ada", "age": -1}')).reply(body=chat_reply(ADA))

    reply = client.ask("Ada, 36", schema=schema)

    assert reply.text == ADA
    assert reply.usage.output_tokens == 14
    assert len(reply.attempts) == 2
    question, answer, feedback = scripted.sent()["messages"]
    assert (question["content"], answer["content"]) == ("Ada, 36", '{"name": "Ada", "age": -1}')
    assert "does not satisfy the schema" in feedback["content"]
    assert "age" in feedback["content"]
    assert reply.messages == (reply.message,)


def test_errors_of_the_output_tool_are_tool_results(make_client, scripted):
    """
    The errors are the result of the call, which the vendor requires.
    """
    scripted.reply(body=make_tool_reply("{")).reply(body=make_tool_reply(ADA))

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.parsed == Person(name="Ada", age=36)
    _, call, result = scripted.sent()["messages"]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"] == "c1"
    assert result["role"] == "tool"


def test_calls_of_unknown_tools_get_a_result(client, scripted):
    """
    A model that calls an unknown tool receives the error as a result, and can correct itself.
    """
    scripted.reply(body=make_tool_reply("{}", "search")).reply(body=chat_reply(ADA))

    assert client.ask("Ada, 36", schema=Person).text == ADA
    assert [message["role"] for message in scripted.sent()["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_repairs_are_limited(client, scripted, repairs):
    """
    After the last repair, the error has the text, the validation errors and the reply with its attempts.
    """
    for number in range(repairs + 1):
        scripted.reply(body=chat_reply(f'{{"name": "{number}"}}'), headers={"x-request-id": f"r{number}"})

    with pytest.raises(StructuredOutputError, match="age") as caught:
        client.ask("Ada", schema=PERSON, repairs=repairs)

    assert len(scripted.calls) == repairs + 1
    assert caught.value.text == f'{{"name": "{repairs}"}}'
    assert caught.value.errors == ("$: 'age' is a required property",)
    assert caught.value.response.usage.output_tokens == 7 * (repairs + 1)
    assert [attempt.request_id for attempt in caught.value.response.attempts] == [f"r{n}" for n in range(repairs + 1)]
    assert caught.value.response.provider == "openai"


@pytest.mark.parametrize(
    ("changes", "expected_error"),
    [
        ({"refusal": "I will not."}, "The model refused: I will not."),
        ({"text": '{"name": "A', "finish_reason": "length"}, "was truncated at max_tokens.*Raise max_tokens"),
        ({"text": "", "finish_reason": "content_filter"}, "does not satisfy"),
    ],
)
def test_final_replies_are_not_repaired(client, scripted, changes, expected_error):
    """
    Refusals, filtered and truncated replies are errors immediately.
    """
    scripted.reply(body=chat_reply(**changes))

    with pytest.raises(StructuredOutputError, match=expected_error):
        client.ask("Ada", schema=Person, repairs=5)

    assert len(scripted.calls) == 1


def test_errors_during_a_repair_are_raised(client, scripted):
    """
    An error of the vendor during a repair is raised, with all attempts.
    """
    scripted.reply(body=chat_reply("no"))
    scripted.answer(lambda _: ScriptedReply(401, {}, (b'{"error": {"message": "No."}}',)))

    with pytest.raises(Exception, match="credential was rejected") as caught:
        client.ask("?", schema=Person)

    assert [attempt.status for attempt in caught.value.attempts] == [200, 401]
