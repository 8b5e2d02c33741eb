"""Models as users ask them, through the client."""

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
    The address of a model of random weights.
    """
    return f"transformers/{tiny_folder}"


def test_model_answers(parrot):
    """
    The text is what the model wrote, without its special tokens, and the counts are exact.
    """
    with Client(f"transformers/{parrot('Hello', ' world.')}") as client:
        reply = client.ask("hi", system="Be kind.", temperature=0)

    assert reply.text == "Hello world."
    assert (reply.finish_reason, reply.raw_finish_reason) == ("stop", "eos")
    assert reply.usage.input_tokens == len("<|system|>Be kind.") + len("<|user|>hi") + len("<|assistant|>") + 2
    assert reply.usage.output_tokens == 3  # with the token that ends it
    assert reply.model.endswith("parrot")


def test_stream_is_the_reply_in_pieces(parrot):
    """
    Each token comes by itself, and together they are what a whole reply holds.
    """
    with Client(f"transformers/{parrot('One', ', two', ', three.')}") as client:
        with client.stream("count", temperature=0) as stream:
            pieces = [event.text for event in stream if isinstance(event, TextDelta)]
        whole = client.ask("count", temperature=0)

    assert pieces == ["One", ", two", ", three."]
    assert stream.response.text == whole.text == "One, two, three."
    assert stream.response.usage == whole.usage


def test_seed_decides_the_reply(model):
    """
    The same seed gives the same text, another one another, and the process's own random numbers play no part.
    """
    import torch

    with Client(model, cache=False) as client:
        first = client.ask("hi", seed=7, max_tokens=40)
        torch.manual_seed(1)
        again = client.ask("hi", seed=7, max_tokens=40)
        other = client.ask("hi", seed=8, max_tokens=40)
        unseeded = client.ask("hi", max_tokens=40)
        repeated = client.ask("hi", seed=unseeded.metadata["seed"], max_tokens=40)

    assert first.text == again.text != other.text
    assert repeated.text == unseeded.text


def test_sampling_leaves_the_random_numbers_of_the_process_alone(model):
    """
    A program that seeded torch for itself draws the same numbers with or without a model that writes.
    """
    import torch

    with Client(model) as client:
        torch.manual_seed(3)
        expected = torch.rand(4)
        torch.manual_seed(3)
        client.ask("hi", max_tokens=5, temperature=1.0)

        assert torch.equal(torch.rand(4), expected)


def test_temperature_zero_takes_the_likeliest_token(model):
    """
    Without chance there is nothing for a seed to decide.
    """
    with Client(model) as client:
        texts = {client.ask("hi", temperature=0, seed=seed, max_tokens=20).text for seed in (1, 2, 3)}

    assert len(texts) == 1


def test_replies_end_at_max_tokens(model):
    """
    Exactly so many tokens are written, and the reply says why it is no longer.
    """
    with Client(model) as client:
        reply = client.ask("hi", max_tokens=9, seed=1)

    assert reply.usage.output_tokens == 9
    assert (reply.finish_reason, reply.raw_finish_reason) == ("length", "max_tokens")


def test_replies_end_with_the_context_window(parrot):
    """
    A model is never asked to write beyond what it can read.
    """
    with Client(f"transformers/{parrot('la', ' le', ends=False)}") as client:
        reply = client.ask("sing", temperature=0, max_tokens=10_000)

    assert (reply.finish_reason, reply.raw_finish_reason) == ("length", "context_window")
    assert reply.usage.total_tokens == WINDOW


def test_too_long_a_prompt_is_refused_before_anything_is_written(model):
    """
    The error says how long it is and how much there is room for.
    """
    with Client(model) as client, pytest.raises(ContextLengthError, match=rf"20\d\d tokens.*{WINDOW}"):
        client.ask("x" * 2000)


def test_leaving_a_stream_leaves_the_model_to_others(parrot):
    """
    After a break, and even in the middle of a stream, the same thread can ask the same model again.
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
    They wait for each other, and each gets what it would get alone.
    """
    with Client(model) as client:
        alone = [client.ask(f"hi {number}", seed=number, max_tokens=8).text for number in range(6)]
        together = client.ask_many([f"hi {number}" for number in range(6)], seed=None, max_tokens=8, temperature=0)
        again = client.ask_many([f"hi {number}" for number in range(6)], seed=None, max_tokens=8, temperature=0)

    assert len(alone) == 6
    assert [reply.text for reply in together] == [reply.text for reply in again]


def test_conversation_reaches_the_model(model):
    """
    Each turn of a chat is part of the next prompt.
    """
    with Client(model) as client:
        chat = client.chat(system="Be brief.")
        first = chat.ask("One?", max_tokens=4, seed=1)
        second = chat.ask("Two?", max_tokens=4, seed=1)

    grown = second.usage.input_tokens - first.usage.input_tokens
    assert grown >= len("<|end|>Two?")


def test_async_client_asks_and_streams(parrot):
    """
    Async code gets the same reply, and the event loop is not held up.
    """

    async def both():
        async with AsyncClient(f"transformers/{parrot('Hello', ' world.')}") as client:
            whole = await client.ask("hi", temperature=0)
            async with client.stream("hi", temperature=0) as stream:
                pieces = [piece async for piece in stream.text_deltas()]
            return whole.text, pieces

    assert asyncio.run(both()) == ("Hello world.", ["Hello", " world."])


def test_cancelled_task_stops_the_model(parrot):
    """
    A task that is cancelled while the model writes ends as cancelled, and the model is free at the next token.
    """

    async def cancelled():
        async with AsyncClient(f"transformers/{parrot('la', ' le', ends=False)}") as client:
            begun, gate = asyncio.Event(), threading.Event()
            await client.ask("load it", temperature=0, max_tokens=1)
            loop = asyncio.get_running_loop()
            shelf = client._engine.endpoints.get("transformers").local._models
            written = []

            def hold(*_):
                written.append(1)
                loop.call_soon_threadsafe(begun.set)
                assert gate.wait(60)

            slot = next(iter(shelf._slots.values()))
            hook = slot.thing.weights.register_forward_hook(hold)
            task = asyncio.create_task(client.ask("sing", temperature=0))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            gate.set()
            hook.remove()
            reply = await client.ask("sing", temperature=0, max_tokens=1)
            return reply.text, len(written)

    text, steps = asyncio.run(cancelled())

    assert text == "la"
    assert steps <= 2


def test_schema_is_asked_for_in_words(model):
    """
    A model that has learnt nothing fails cleanly, with what it wrote and what is wrong with it.
    """
    with Client(model) as client, pytest.raises(StructuredOutputError) as caught:
        client.ask("Ada", schema=Person, max_tokens=5, seed=1, repairs=0)

    assert caught.value.response.usage.output_tokens == 5
    assert Capability.JSON_SCHEMA not in client.capabilities()


def test_schema_is_read_from_what_the_model_writes(parrot):
    """
    Where the reply is the wanted JSON, it is the result.
    """
    folder = parrot('{"name": ', '"Ada"}')
    with Client(f"transformers/{folder}") as client:
        assert client.ask("Ada", schema=Person, temperature=0).parsed == Person(name="Ada")


def test_images_are_refused(model):
    """
    No image is claimed to be seen.
    """
    from budwood.types import ImagePart, Message

    image = ImagePart(data=b"\x89PNG", media_type="image/png")
    with Client(model) as client, pytest.raises(UnsupportedError, match="does not take images"):
        client.ask(Message.user("What is it?", image))


def test_tokens_are_counted_by_the_models_own_tokenizer(model):
    """
    The count is the one that the reply will report.
    """
    with Client(model) as client:
        counted = client.count_tokens("How many?", system="Count.")
        reply = client.ask("How many?", system="Count.", max_tokens=1, seed=1)

    assert counted.exact
    assert counted.input_tokens == reply.usage.input_tokens


def test_parameters_that_are_not_taken_are_reported(model):
    """
    A receipt says which and why; who wants all or nothing gets an error before the model is loaded.
    """
    with Client(model) as client:
        reply = client.ask("hi", max_tokens=1, reasoning_effort="high", frequency_penalty=0.5)
        with pytest.raises(UnsupportedError, match="reasoning_effort"):
            client.ask("hi", max_tokens=1, reasoning_effort="high", on_unsupported="error")

    assert [receipt.parameter for receipt in reply.adaptations] == ["reasoning_effort"]


def test_last_event_before_usage_says_why_it_ended(model):
    """
    The order is what the engine expects of a model inside the process.
    """
    with Client(model) as client, client.stream("hi", max_tokens=3, seed=1) as stream:
        kinds = [type(event).__name__ for event in stream]

    assert kinds[0] == "ResponseStarted"
    assert kinds[-3:] == [Finished.__name__, "UsageReported", "ResponseMetadata"]
