"""Mistakes in structured output are sent back to the model, as often as the caller allows."""

from __future__ import annotations

import pytest

from budwood.errors import StructuredOutputError
from budwood_testing import ScriptedReply, chat_reply
from tests.core.engine.structured import ADA, NO_SCHEMA, PERSON, Person, call_of


@pytest.mark.parametrize("schema", [Person, PERSON])
def test_a_mistake_is_sent_back_once(client, scripted, schema):
    """
    The model reads what is wrong with its reply and corrects it; usage and attempts count both.
    """
    scripted.reply(body=chat_reply('{"name": "Ada", "age": -1}')).reply(body=chat_reply(ADA))

    reply = client.ask("Ada, 36", schema=schema)

    assert reply.text == ADA
    assert reply.usage.output_tokens == 14
    assert len(reply.attempts) == 2
    question, answer, complaint = scripted.sent()["messages"]
    assert (question["content"], answer["content"]) == ("Ada, 36", '{"name": "Ada", "age": -1}')
    assert "does not satisfy the schema" in complaint["content"]
    assert "age" in complaint["content"]
    assert reply.messages == (reply.message,)


def test_a_mistake_in_the_output_tool_is_answered_as_a_call(make_client, scripted):
    """
    The complaint is the result of the call, without which the vendor would refuse the conversation.
    """
    scripted.reply(body=call_of("{")).reply(body=call_of(ADA))

    reply = make_client(settings=NO_SCHEMA).ask("Ada, 36", schema=Person)

    assert reply.parsed == Person(name="Ada", age=36)
    _, call, result = scripted.sent()["messages"]
    assert call["tool_calls"][0]["id"] == result["tool_call_id"] == "c1"
    assert result["role"] == "tool"


def test_a_call_of_a_tool_that_nobody_gave_is_answered_too(client, scripted):
    """
    A model that calls what does not exist is told, in a form that the vendor takes, and may correct itself.
    """
    scripted.reply(body=call_of("{}", "search")).reply(body=chat_reply(ADA))

    assert client.ask("Ada, 36", schema=Person).text == ADA
    assert [message["role"] for message in scripted.sent()["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("repairs", [0, 1, 3])
def test_mistakes_are_sent_back_at_most_as_often_as_said(client, scripted, repairs):
    """
    Then the error holds the last text, what is wrong with it, and the reply with its receipts.
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
    ("changes", "complaint"),
    [
        ({"refusal": "I will not."}, "The model refused: I will not."),
        ({"text": '{"name": "A', "finish_reason": "length"}, "was truncated at max_tokens.*Raise max_tokens"),
        ({"text": "", "finish_reason": "content_filter"}, "does not satisfy"),
    ],
)
def test_what_asking_again_would_not_mend_is_not_sent_back(client, scripted, changes, complaint):
    """
    Refusals, filters and replies that were cut off are errors at once.
    """
    scripted.reply(body=chat_reply(**changes))

    with pytest.raises(StructuredOutputError, match=complaint):
        client.ask("Ada", schema=Person, repairs=5)

    assert len(scripted.calls) == 1


def test_the_last_error_counts(client, scripted):
    """
    An error of the vendor in a repair is that error, with all attempts in its ledger.
    """
    scripted.reply(body=chat_reply("no"))
    scripted.answer(lambda _: ScriptedReply(401, {}, (b'{"error": {"message": "No."}}',)))

    with pytest.raises(Exception, match="credential was rejected") as caught:
        client.ask("?", schema=Person)

    assert [attempt.status for attempt in caught.value.attempts] == [200, 401]
