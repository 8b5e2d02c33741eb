from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import ClassVar

import pytest
from pydantic import BaseModel, field_validator

from budwood.caching import MemoryCache, MemoryCacheSettings
from budwood.errors import (
    ConfigurationError,
    PluginNotFoundError,
    PromptError,
    StreamInterruptedError,
    StructuredOutputError,
    UnsupportedError,
)
from budwood.types import ImagePart, Message, TextDelta
from budwood_testing import FakeClock, chat_chunks, chat_reply, sse


def cached_values(client) -> dict[str, bytes]:
    """
    Return the values in the client's memory cache.
    """
    return {key: value for key, (value, _) in client._engine.cache.layers[0].store._entries.items()}


@pytest.fixture
def caching(make_client):
    """
    A client with a memory cache.
    """
    return make_client(cache="memory")


def test_the_same_request_is_sent_once(caching, scripted):
    """
    The second reply comes from the cache, is marked as cached and costs nothing; otherwise it equals the first.
    """
    scripted.reply(body=chat_reply("Hi"), headers={"x-request-id": "r1"})

    first = caching.ask("Hello", temperature=0)
    second = caching.ask("Hello", temperature=0)

    assert (first.cached, second.cached) == (False, True)
    assert len(scripted.calls) == 1
    assert (first.cost > 0, second.cost, second.cost_unknown) == (True, 0, None)
    assert (first.saved, second.saved) == (None, first.cost)
    changed = {"cached", "attempts", "cost", "saved"}
    assert second.model_dump(exclude=changed) == first.model_dump(exclude=changed)


def test_a_cached_reply_has_one_attempt_without_a_request(caching, scripted):
    """
    The attempt has no status, no duration and no key.
    """
    scripted.reply(body=chat_reply("Hi"))
    caching.ask("Hello")

    (attempt,) = caching.ask("Hello").attempts

    assert (attempt.cached, attempt.status, attempt.key, attempt.duration, attempt.usage) == (True, None, None, 0, None)


class Person(BaseModel):
    name: str = ""


def tool() -> str:
    """Do nothing."""
    return ""


def other() -> str:
    """Do nothing either."""
    return ""


IMAGE = Message.user("Hello", ImagePart(data=b"\xff\x00", media_type="image/png"))
CHANGES = [
    {"prompt": "hello"},
    {"prompt": [Message.user("Hello"), Message.assistant("Hi"), Message.user("Hello")]},
    {"prompt": IMAGE},
    {"prompt": Message.user("Hello", ImagePart(data=b"\xff\x01", media_type="image/png"))},
    {"prompt": Message.user("Hello", ImagePart(data=b"\xff\x00", media_type="image/jpeg"))},
    {"model": "openai/gpt-4o-mini"},
    {"model": "work/gpt-4o"},
    {"model": "here/gpt-4o"},
    {"system": "Be brief."},
    {"temperature": 0},
    {"temperature": 1},
    {"top_p": 0.5},
    {"max_tokens": 5},
    {"stop": "END"},
    {"seed": 1},
    {"frequency_penalty": 1},
    {"presence_penalty": 1},
    {"reasoning_effort": "low"},
    {"schema": Person},
    {"schema": {"type": "object"}},
    {"tools": [tool]},
    {"tools": [other]},
    {"tools": [tool], "tool_choice": "none"},
    {"tools": [tool], "parallel_tool_calls": False},
    {"extra": {"user": "a"}},
    {"extra": {"user": None}},
    {"extra": {"user": {"a": 1}}},
]


def test_the_key_depends_on_everything_that_matters(make_client, scripted):
    """
    Texts, images, models, endpoints, parameters, tools and schemas change it.
    """
    settings = {
        "providers": {
            "work": {"plugin": "openai", "api_key": "k", "organization": "o"},
            "here": {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1"},
        }
    }
    client = make_client(cache="memory", settings=settings)
    for _ in [{}, *CHANGES]:
        scripted.reply(body=chat_reply("{}"))

    for change in [{}, *CHANGES]:
        assert not client.ask(**{"prompt": "Hello", **change}).cached, change
    for change in [{}, *CHANGES]:
        assert client.ask(**{"prompt": "Hello", **change}).cached, change


def test_the_key_does_not_depend_on_irrelevant_options(caching, scripted):
    """
    Timeouts, retries, the order of vendor parameters, the form of the prompt and streaming do not change it.
    """
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Hi"))
    caching.ask("Hello", extra={"a": 1, "b": 2})
    caching.ask("Hello", extra={"plugins": [{"id": "web", "limits": {"a": 1, "b": 2}}]})

    assert caching.ask("Hello", extra={"b": 2, "a": 1}, timeout=5, retries=0).cached
    assert caching.ask([{"role": "user", "content": "Hello"}], extra={"b": 2, "a": 1}).cached
    with caching.stream("Hello", extra={"a": 1, "b": 2}) as stream:
        list(stream)
    assert stream.response.cached
    assert caching.ask("Hello", extra={"plugins": [{"limits": {"b": 2, "a": 1}, "id": "web"}]}).cached


def test_the_order_of_a_schemas_properties_matters(caching, scripted):
    """
    Models write properties in the order of the schema, which affects the reply.
    """
    scripted.reply(body=chat_reply("{}")).reply(body=chat_reply("{}"))

    def ask(*names):
        schema = {"properties": {name: {"type": "string"} for name in names}}
        return caching.ask("Hello", extra={"response_format": {"json_schema": {"schema": schema}}})

    assert [ask("why", "what").cached, ask("what", "why").cached, ask("why", "what").cached] == [False, False, True]


AGED = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


@pytest.mark.parametrize("kind", ["blocking", "streamed", "async"])
def test_a_reply_that_does_not_satisfy_its_schema_is_not_stored(make_client, make_async_client, scripted, kind):
    """
    The next request is sent, and its valid reply is stored.
    """

    def ask():
        if kind == "async":
            return asyncio.run(make_async_client(cache=cache).ask("Hello", schema=AGED, repairs=0))
        client = make_client(cache=cache)
        if kind == "blocking":
            return client.ask("Hello", schema=AGED, repairs=0)
        with client.stream("Hello", schema=AGED, repairs=0) as stream:
            list(stream)
        return stream.response

    cache = MemoryCache(MemoryCacheSettings(), FakeClock())
    for text in ('{"age": "old"}', '{"age": 36}'):
        streamed = {"chunks": sse(*chat_chunks([text]))}
        scripted.reply(**(streamed if kind == "streamed" else {"body": chat_reply(text)}))

    with pytest.raises(StructuredOutputError):
        ask()
    assert not cache._entries

    replies = [ask(), ask()]
    assert [(reply.parsed, reply.cached) for reply in replies] == [({"age": 36}, False), ({"age": 36}, True)]


def test_a_cached_reply_that_is_no_longer_valid_is_replaced(caching, scripted):
    """
    If a stricter validator rejects it, the request is sent again.
    """

    class Name(BaseModel):
        name: str
        refused: ClassVar[str] = ""

        @field_validator("name")
        @classmethod
        def known(cls, name):
            if name == cls.refused:
                raise ValueError("not that one")
            return name

    scripted.reply(body=chat_reply('{"name": "Ada"}')).reply(body=chat_reply('{"name": "Bea"}'))
    caching.ask("Hello", schema=Name)
    Name.refused = "Ada"

    replies = [caching.ask("Hello", schema=Name, repairs=0) for _ in range(2)]

    assert [(reply.parsed.name, reply.cached) for reply in replies] == [("Bea", False), ("Bea", True)]


def test_calls_of_tools_before_the_output_are_stored(caching, scripted):
    """
    A reply that calls a tool is not validated as output.
    """
    calls = [{"id": "c1", "type": "function", "function": {"name": "tool", "arguments": "{}"}}]
    scripted.reply(body=chat_reply(None, tool_calls=calls, finish_reason="tool_calls"))
    scripted.reply(body=chat_reply('{"age": 36}'))

    for _ in range(2):
        reply = caching.ask("Hello", schema=AGED, tools=[tool], cache_tool_calls=True)

    assert [attempt.cached for attempt in reply.attempts] == [True, True]


def test_another_api_key_finds_the_same_reply(make_client, scripted):
    """
    Rotating a key does not empty the cache.
    """
    cache = MemoryCache(MemoryCacheSettings(), FakeClock())
    scripted.reply(body=chat_reply("Hi"))

    make_client(cache=cache, api_key="sk-one").ask("Hello")

    assert make_client(cache=cache, api_key="sk-two").ask("Hello").cached


def test_instances_of_one_plugin_share_no_replies(make_client, scripted):
    """
    A reply may contain parts that belong to its instance, which another would not send back.
    """
    server = {"plugin": "openai-compatible", "base_url": "http://localhost:1/v1"}
    client = make_client(
        cache="memory", api_key=None, settings={"providers": {"one": server, "two": server}}, model=None
    )
    scripted.reply(body=chat_reply("Hi", trace="a")).reply(body=chat_reply("Hi", trace="a"))

    replies = [client.ask("Hello", model=f"{name}/tiny") for name in ("one", "two", "one")]

    assert [reply.cached for reply in replies] == [False, False, True]
    assert [reply.message.parts[-1].provider for reply in replies] == ["one", "two", "one"]


def test_no_secret_is_in_the_cache(caching, scripted):
    """
    Neither keys nor values contain the credential, and keys contain nothing of the prompt.
    """
    scripted.reply(body=chat_reply("Hi"))

    caching.ask("Hello")

    (key, value), = cached_values(caching).items()  # fmt: skip
    assert b"sk-test-secret" not in value
    namespace, _, digest = key.partition(":")
    assert (namespace, len(digest)) == ("default", 64)
    assert set(digest) <= set("0123456789abcdef")
    assert json.loads(value.partition(b"\n")[2])["reply"]["raw"] == chat_reply("Hi")


def test_a_cached_reply_can_be_streamed(caching, scripted):
    """
    Its events are the original ones.
    """
    scripted.reply(chunks=sse(*chat_chunks(["Hel", "lo"])))
    with caching.stream("Hi") as first:
        list(first)

    with caching.stream("Hi") as second:
        texts = [event.text for event in second if isinstance(event, TextDelta)]

    assert texts == ["Hel", "lo"]
    assert second.response.cached
    assert second.response.usage == first.response.usage
    assert second.response.message == first.response.message == caching.ask("Hi").message


@pytest.mark.parametrize("reason", ["length", "content_filter", "error", "strange"])
def test_truncated_replies_are_not_stored(caching, scripted, reason):
    """
    Only complete replies are.
    """
    scripted.reply(body=chat_reply("Hi", finish_reason=reason)).reply(body=chat_reply("Hi", finish_reason=reason))

    assert not caching.ask("Hello").cached
    assert not caching.ask("Hello").cached


def test_interrupted_streams_are_not_stored(caching, scripted):
    """
    Only complete replies are.
    """
    scripted.reply(chunks=sse(*chat_chunks(["a"], finish_reason=None), done=False))

    with caching.stream("Hi") as stream, pytest.raises(StreamInterruptedError):
        list(stream)

    assert cached_values(caching) == {}


def test_a_call_may_bypass_the_cache(caching, scripted):
    """
    With `cache=False` nothing is loaded or stored.
    """
    for text in ("1", "2", "3"):
        scripted.reply(body=chat_reply(text))

    assert caching.ask("Hi", cache=False).text == "1"
    assert cached_values(caching) == {}
    assert caching.ask("Hi").text == "2"
    assert caching.ask("Hi", cache=False).text == "3"
    assert caching.ask("Hi").text == "2"


def test_rounds_of_tools_are_stored_separately(caching, scripted):
    """
    The tools run again.
    """
    ran = []

    def act() -> str:
        ran.append(1)
        return "done"

    call = {"id": "c1", "function": {"name": "act", "arguments": "{}"}}
    scripted.reply(body=chat_reply(None, tool_calls=[call])).reply(body=chat_reply("Ok."))

    options = {"tools": [act], "cache_tool_calls": True}
    assert [caching.ask("Act.", **options).text for _ in range(2)] == ["Ok.", "Ok."]
    assert (len(scripted.calls), len(ran)) == (2, 2)


def test_replies_that_call_tools_are_stored_only_on_request(caching, scripted):
    """
    What a tool returned may be different by now.
    """
    call = {"id": "c1", "function": {"name": "tool", "arguments": "{}"}}
    for _ in range(2):
        scripted.reply(body=chat_reply(None, tool_calls=[call])).reply(body=chat_reply("Ok."))
    replies = [caching.ask("Act.", tools=[tool]) for _ in range(2)]

    assert [[attempt.cached for attempt in reply.attempts] for reply in replies] == [[False, False], [False, True]]


def test_structured_replies_are_validated_again(caching, scripted):
    """
    The cache stores the vendor's text, and the value is parsed from it again.
    """
    scripted.reply(body=chat_reply('{"name": "Ada"}'))

    first, second = (caching.ask("Ada", schema=Person) for _ in range(2))

    assert first.parsed == second.parsed == Person(name="Ada")
    assert second.cached


def test_adaptations_are_part_of_a_cached_reply(make_client, scripted):
    """
    They are reported again, and are an error with `on_unsupported="error"`.
    """
    client = make_client("openai/o3", cache="memory")
    scripted.reply(body=chat_reply("Hi"))
    first = client.ask("Hello", temperature=0)

    assert client.ask("Hello", temperature=0).adaptations == first.adaptations != ()
    with pytest.raises(UnsupportedError, match="temperature"):
        client.ask("Hello", temperature=0, on_unsupported="error")


class BrokenCache:
    """
    A cache whose methods fail as configured.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = 0

    def get(self, key: str) -> bytes | None:
        """Fail."""
        raise self.error

    def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
        """Fail."""
        raise self.error

    def close(self) -> None:
        """Count."""
        self.closed += 1


@pytest.mark.parametrize(
    "error", [OSError("disk full"), ValueError("?"), sqlite3.OperationalError("locked"), KeyError("k"), EOFError()]
)
def test_a_broken_cache_breaks_no_call(make_client, make_async_client, scripted, error):
    """
    For any exception of the cache, the request is sent and the reply is returned.
    """
    for _ in range(2):
        scripted.reply(body=chat_reply("Hi"))

    assert make_client(cache=BrokenCache(error)).ask("Hello").text == "Hi"
    assert asyncio.run(make_async_client(cache=BrokenCache(error)).ask("Hello")).text == "Hi"


@pytest.mark.parametrize("junk", [b"", b"{", b"null", b"{}", b'{"message": 5}', b"\xff", b"\x80\x04K\x01."])
def test_a_damaged_entry_is_replaced(caching, scripted, junk):
    """
    It counts as missing.
    """
    scripted.reply(body=chat_reply("Hi")).reply(body=chat_reply("Again"))
    caching.ask("Hello")
    (key,) = cached_values(caching)
    caching._engine.cache.layers[0].store.set(key, junk)

    assert caching.ask("Hello").text == "Again"
    assert caching.ask("Hello").cached


def test_a_client_closes_only_the_cache_that_it_created(make_client, scripted):
    """
    Clients can share a cache object.
    """
    cache = BrokenCache(OSError())
    with make_client(cache=cache):
        pass
    with make_client(cache="memory") as client:
        scripted.reply(body=chat_reply("Hi"))
        client.ask("Hello")

    assert cache.closed == 0
    assert cached_values(client) == {}


def test_the_settings_choose_the_default_cache(make_client, scripted):
    """
    `cache=False` of a client disables it.
    """
    settings = {"cache": "memory"}
    scripted.reply(body=chat_reply("Hi"))
    client = make_client(settings=settings, cache=None)
    client.ask("Hello")

    assert client.ask("Hello").cached
    assert make_client(settings=settings, cache=False)._engine.cache is None


def test_an_unknown_cache_is_an_error_when_the_client_is_created(make_client):
    """
    The same applies to invalid settings of a cache.
    """
    with pytest.raises(PluginNotFoundError, match="memory"):
        make_client(cache="memmory")
    with pytest.raises(ConfigurationError, match="max_entries"):
        make_client(cache="memory", settings={"caches": {"memory": {"max_entries": 0}}})


def test_text_that_cannot_be_encoded_is_the_same_error_with_a_cache(caching, scripted):
    """
    It is a `PromptError`.
    """
    with pytest.raises(PromptError, match="surrogates"):
        caching.ask("half \ud83c")

    assert scripted.calls == []
