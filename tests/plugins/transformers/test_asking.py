"""Requests to models through the client."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import ContextLengthError, StructuredOutputError, UnsupportedError
from budwood.types import Capability, Finished, TextDelta
from tests.tiny_model import WINDOW


class Person(BaseModel):
    """A sample."""

    name: str


@pytest.fixture
def model(tiny_folder):
    """
    The name of a model with random weights.
    """
    return f"transformers/{tiny_folder}"


def test_model_answers(parrot):
    """
    The text is the output of the model without special tokens, and the counts are exact.
    """
    with Client(f"transformers/{parrot('Hello', ' world.')}") as client:
        reply = client.ask("hi", system="Be kind.", temperature=0)

    assert reply.text == "Hello world."
    assert (reply.finish_reason, reply.raw_finish_reason) == ("stop", "eos")
    assert reply.usage.input_tokens == len("<|system|>Be kind.") + len("<|user|>hi") + len("<|assistant|>") + 2
    assert reply.usage.output_tokens == 3  # including the end token
    assert reply.model.endswith("parrot")


def test_stream_gives_the_same_reply(parrot):
    """
    Each token is an event, and the stream gives the same response as a call without streaming.
    """
    with Client(f"transformers/{parrot('One', ', two', ', three.')}") as client:
        with client.stream("count", temperature=0) as stream:
            chunks = [event.text for event in stream if isinstance(event, TextDelta)]
        reply = client.ask("count", temperature=0)

    assert chunks == ["One", ", two", ", three."]
    assert stream.response.text == reply.text == "One, two, three."
    assert stream.response.usage == reply.usage


def test_seed_makes_replies_reproducible(model):
    """
    Equal seeds give equal texts, whatever the state of torch's global generator; metadata has the seed.
    """
    import torch

    with Client(model, cache=False) as client:
        first = client.ask("hi", seed=7, max_tokens=40)
        torch.manual_seed(1)
        again = client.ask("hi", seed=7, max_tokens=40)
        other = client.ask("hi", seed=8, max_tokens=40)
        unseeded = client.ask("hi", max_tokens=40)
        same_seed = client.ask("hi", seed=unseeded.metadata["seed"], max_tokens=40)

    assert first.text == again.text != other.text
    assert same_seed.text == unseeded.text


def test_sampling_does_not_use_the_global_generator(model):
    """
    Generating a reply does not change the state of torch's global random generator.
    """
    import torch

    with Client(model) as client:
        torch.manual_seed(3)
        expected = torch.rand(4)
        torch.manual_seed(3)
        client.ask("hi", max_tokens=5, temperature=1.0)

        assert torch.equal(torch.rand(4), expected)


def test_temperature_zero_is_deterministic(model):
    """
    With temperature 0 the seed has no effect.
    """
    with Client(model) as client:
        texts = {client.ask("hi", temperature=0, seed=seed, max_tokens=20).text for seed in (1, 2, 3)}

    assert len(texts) == 1


def test_replies_end_at_max_tokens(model):
    """
    A reply has at most `max_tokens` tokens, and the finish reason ``length``.
    """
    with Client(model) as client:
        reply = client.ask("hi", max_tokens=9, seed=1)

    assert reply.usage.output_tokens == 9
    assert (reply.finish_reason, reply.raw_finish_reason) == ("length", "max_tokens")


def test_replies_end_with_the_context_window(parrot):
    """
    A reply ends when the context window is full.
    """
    with Client(f"transformers/{parrot('la', ' le', ends=False)}") as client:
        reply = client.ask("sing", temperature=0, max_tokens=10_000)

    assert (reply.finish_reason, reply.raw_finish_reason) == ("length", "context_window")
    assert reply.usage.total_tokens == WINDOW


def test_prompt_beyond_the_context_window_is_an_error(model):
    """
    The error has the length of the prompt and the size of the context window.
    """
    with Client(model) as client, pytest.raises(ContextLengthError, match=rf"20\d\d tokens.*{WINDOW}"):
        client.ask("x" * 2000)


def test_closed_stream_releases_the_model(parrot):
    """
    The same thread can use the model again during a stream and after leaving it.
    """
    with Client(f"transformers/{parrot('la', ' le', ends=False)}") as client:
        with client.stream("sing", temperature=0) as stream:
            for event in stream:
                if isinstance(event, TextDelta):
                    inner = client.ask("sing", temperature=0, max_tokens=2)
                    break
        after = client.ask("sing", temperature=0, max_tokens=3)

    assert (inner.text, after.text) == ("la le", "la lela")


def test_many_threads_share_one_model(model):
    """
    Concurrent requests are processed one after the other, with the same replies as alone.
    """
    with Client(model) as client:
        alone = [client.ask(f"hi {number}", seed=number, max_tokens=8).text for number in range(6)]
        together = client.ask_many(
            [f"hi {number}" for number in range(6)], seed=None, max_tokens=8, temperature=0
        ).in_order()
        again = client.ask_many(
            [f"hi {number}" for number in range(6)], seed=None, max_tokens=8, temperature=0
        ).in_order()

    assert len(alone) == 6
    assert [reply.text for reply in together] == [reply.text for reply in again]


def test_conversation_reaches_the_model(model):
    """
    The next prompt of a chat contains the earlier turns.
    """
    with Client(model) as client:
        chat = client.chat(system="Be brief.")
        first = chat.ask("One?", max_tokens=4, seed=1)
        second = chat.ask("Two?", max_tokens=4, seed=1)

    grown = second.usage.input_tokens - first.usage.input_tokens
    assert grown >= len("<|end|>Two?")


def test_async_client_asks_and_streams(parrot):
    """
    `AsyncClient` gets the same reply, with and without streaming.
    """

    async def both():
        async with AsyncClient(f"transformers/{parrot('Hello', ' world.')}") as client:
            reply = await client.ask("hi", temperature=0)
            async with client.stream("hi", temperature=0) as stream:
                chunks = [piece async for piece in stream.text_deltas()]
            return reply.text, chunks

    assert asyncio.run(both()) == ("Hello world.", ["Hello", " world."])


def test_cancelled_task_stops_the_model(parrot):
    """
    Cancelling a task stops the model at the next token.
    """

    async def cancelled():
        async with AsyncClient(f"transformers/{parrot('la', ' le', ends=False)}") as client:
            started, gate = asyncio.Event(), threading.Event()
            await client.ask("load it", temperature=0, max_tokens=1)
            loop = asyncio.get_running_loop()
            models = client._engine.endpoints.get("transformers").local._models
            steps = []

            def hold(*_):
                steps.append(1)
                loop.call_soon_threadsafe(started.set)
                assert gate.wait(60)

            slot = next(iter(models._slots.values()))
            hook = slot.value.weights.register_forward_hook(hold)
            task = asyncio.create_task(client.ask("sing", temperature=0))
            await started.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.set()
            hook.remove()
            reply = await client.ask("sing", temperature=0, max_tokens=1)
            return reply.text, len(steps)

    text, steps = asyncio.run(cancelled())

    assert text == "la"
    assert steps <= 2


def test_invalid_structured_output_is_an_error(model):
    """
    A reply that does not match the schema raises an error with the reply.
    """
    with Client(model) as client, pytest.raises(StructuredOutputError) as caught:
        client.ask("Ada", schema=Person, max_tokens=5, seed=1, repairs=0)

    assert caught.value.response.usage.output_tokens == 5
    assert Capability.JSON_SCHEMA not in client.capabilities()


def test_structured_output_is_parsed(parrot):
    """
    A reply that matches the schema is parsed.
    """
    folder = parrot('{"name": ', '"Ada"}')
    with Client(f"transformers/{folder}") as client:
        assert client.ask("Ada", schema=Person, temperature=0).parsed == Person(name="Ada")


def test_images_are_rejected(model):
    """
    A prompt with an image raises UnsupportedError.
    """
    from budwood.types import ImagePart, Message

    image = ImagePart(data=b"\x89PNG", media_type="image/png")
    with Client(model) as client, pytest.raises(UnsupportedError, match="does not take images"):
        client.ask(Message.user("What is it?", image))


def test_tokens_are_counted_by_the_models_own_tokenizer(model):
    """
    The token count equals the input tokens of a reply.
    """
    with Client(model) as client:
        counted = client.count_tokens("How many?", system="Count.")
        reply = client.ask("How many?", system="Count.", max_tokens=1, seed=1)

    assert counted.exact
    assert counted.input_tokens == reply.usage.input_tokens


def test_unsupported_parameters_are_reported(model):
    """
    An unsupported parameter is reported as an adaptation, or raises an error with `on_unsupported="error"`.
    """
    with Client(model) as client:
        reply = client.ask("hi", max_tokens=1, reasoning_effort="high", frequency_penalty=0.5)
        with pytest.raises(UnsupportedError, match="reasoning_effort"):
            client.ask("hi", max_tokens=1, reasoning_effort="high", on_unsupported="error")

    assert [adaptation.parameter for adaptation in reply.adaptations] == ["reasoning_effort"]


def test_events_have_the_expected_order(model):
    """
    A stream starts with ResponseStarted and ends with Finished, usage and metadata.
    """
    with Client(model) as client, client.stream("hi", max_tokens=3, seed=1) as stream:
        kinds = [type(event).__name__ for event in stream]

    assert kinds[0] == "ResponseStarted"
    assert kinds[-3:] == [Finished.__name__, "UsageReported", "ResponseMetadata"]
