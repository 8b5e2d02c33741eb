from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import (
    AuthenticationError,
    ConnectionFailedError,
    NotFoundError,
    StreamInterruptedError,
    UnsupportedError,
)
from budwood.types import ToolExecuted


class City(BaseModel):
    name: str


def weather(city: str) -> str:
    """Get the weather of a city."""
    return f"rain in {city}"


def test_ask(make_client, scripted, answer):
    """
    The reply names the provider and the model.
    """
    scripted.reply(body=answer("Blue."))
    with make_client() as client:
        response = client.ask("What colour is the sky?", system="Be brief.")

    assert (response.text, response.provider, response.model) == ("Blue.", "ollama", "qwen3")
    assert [message["role"] for message in scripted.sent()["messages"]] == ["system", "user"]


def test_stream(make_client, scripted, lines):
    """
    Texts arrive as events, and the response is complete at the end.
    """
    scripted.reply(chunks=lines({"content": "Bl"}, {"content": "ue."}))
    with make_client() as client, client.stream("What colour is the sky?") as stream:
        assert list(stream.text_deltas()) == ["Bl", "ue."]

    assert stream.response.usage.output_tokens == 7
    assert scripted.sent()["stream"] is True


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_run_until_the_model_answers(make_client, scripted, answer, lines, streamed):
    """
    Arguments are an object, the result has the tool's name, and the second reply is the answer.
    """
    call = {"tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}]}
    with make_client() as client:
        if streamed:
            scripted.reply(chunks=lines(call)).reply(chunks=lines({"content": "Rain."}))
            with client.stream("How is Oslo?", tools=[weather]) as stream:
                assert [type(event) for event in list(stream)].count(ToolExecuted) == 1
            response = stream.response
        else:
            scripted.reply(body=answer(message=call)).reply(body=answer("Rain."))
            response = client.ask("How is Oslo?", tools=[weather])

    assert response.text == "Rain."
    assert response.usage.output_tokens == 14
    _, tool_call, result = scripted.sent()["messages"]
    assert tool_call["tool_calls"][0]["function"]["arguments"] == {"city": "Oslo"}
    assert result == {"role": "tool", "content": "rain in Oslo", "tool_name": "weather", "tool_call_id": "call_0"}


def test_schema(make_client, scripted, answer):
    """
    Structured output uses ``format``, and the reply is an instance.
    """
    scripted.reply(body=answer('{"name": "Oslo"}'))
    with make_client() as client:
        response = client.ask("Where?", schema=City)

    assert response.parsed == City(name="Oslo")
    assert scripted.sent()["format"]["properties"] == City.model_json_schema()["properties"]
    assert response.adaptations == ()


def test_adaptations_can_be_errors(make_client, scripted):
    """
    With on_unsupported="error" nothing is sent.
    """
    with make_client() as client, pytest.raises(UnsupportedError, match="reasoning_effort"):
        client.ask("Hello", reasoning_effort="high", on_unsupported="error")
    assert scripted.calls == []


def test_a_missing_server_has_a_hint(scripted, make_client):
    """
    The hint names `ollama serve`, the URL, and how to change it.
    """
    scripted.fail()
    with make_client() as client, pytest.raises(ConnectionFailedError) as raised:
        client.ask("Hello")

    assert "`ollama serve`" in str(raised.value)
    assert "http://127.0.0.1:11434" in str(raised.value)


def test_a_closed_port_has_a_hint(clock):
    """
    Over the real transport, for a call, a stream and a list.
    """
    with contextlib.ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        base_url = f"127.0.0.1:{closed.getsockname()[1]}"
        client = stack.enter_context(Client("ollama/qwen3", base_url=base_url, clock=clock, retries=0, cache=False))
        with pytest.raises(ConnectionFailedError, match="ollama serve"):
            client.ask("Hello")
        with pytest.raises(ConnectionFailedError, match="ollama serve"), client.stream("Hello") as stream:
            list(stream)
        with pytest.raises(ConnectionFailedError, match="ollama serve"):
            client.models()


def test_the_async_client_has_the_same_hint(scripted, clock):
    """
    Both clients use the vendor's hint.
    """
    scripted.fail()

    async def ask():
        async with AsyncClient(
            "ollama/qwen3", transport=scripted.asynchronous, clock=clock, cache=False, retries=0
        ) as client:
            await client.ask("Hello")

    with pytest.raises(ConnectionFailedError, match="ollama serve"):
        asyncio.run(ask())


def test_the_cloud_has_the_general_hint(make_client, scripted):
    """
    Users cannot start the cloud.
    """
    scripted.fail(ConnectionFailedError("No connection.", hint="Is the server running?"))
    with make_client(base_url="ollama.com", api_key="k") as client, pytest.raises(ConnectionFailedError) as raised:
        client.ask("Hello")

    assert raised.value.hint == "Is the server running?"


def test_a_missing_model_has_a_hint(make_client, scripted):
    """
    The hint is the command that pulls it.
    """
    scripted.reply(404, {"error": "model 'qwen3' not found"})
    with make_client() as client, pytest.raises(NotFoundError, match="`ollama pull qwen3`"):
        client.ask("Hello")


def test_a_wrong_key_is_not_retried(make_client, scripted):
    """
    The error does not contain the key, although the server echoes it.
    """
    scripted.reply(401, {"error": "invalid key very-secret"})
    with make_client(api_key="very-secret") as client, pytest.raises(AuthenticationError) as raised:
        client.ask("Hello")

    assert "very-secret" not in f"{raised.value!s}{raised.value!r}{vars(raised.value)}"


def test_an_error_during_a_stream_keeps_the_text(make_client, scripted, lines):
    """
    A line with an error interrupts the stream, and the error has the partial reply.
    """
    first, _ = lines({"content": "Bl"})
    scripted.reply(chunks=[first, b'{"error": "an unknown error was encountered"}\n'])
    with (
        make_client() as client,
        client.stream("Hello") as stream,
        pytest.raises(StreamInterruptedError, match="unknown error") as raised,
    ):
        list(stream)

    assert raised.value.response.text == "Bl"


def test_an_error_before_the_first_content_is_retried(make_client, scripted, lines):
    """
    The caller does not see the first attempt.
    """
    scripted.reply(chunks=[b'{"error": "llama runner process has terminated"}\n']).reply(
        chunks=lines({"content": "Hi"})
    )
    with make_client(retries=1) as client, client.stream("Hello") as stream:
        assert list(stream.text_deltas()) == ["Hi"]
