"""Arguments that users of other libraries pass: accepted if they have one meaning, explained otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from budwood import AsyncClient, Client, Image, Message
from budwood.caching import MemoryCache
from budwood.errors import BudwoodError, ConfigurationError, PromptError
from budwood.types import ImagePart, ToolDefinition
from budwood_testing import chat_reply
from tests.core.engine.tool_calls import make_call_reply
from tests.media import make_png

PNG = make_png()
SECRET = "sk-very-secret-0123456789"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


class AsyncCache:
    async def get(self, key):
        raise NotImplementedError

    async def set(self, key, value, *, ttl=None):
        raise NotImplementedError


class Person(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("api_key", r"Client\(…, api_key=…\)"),
        ("base_url", r"Client\(…, base_url=…\)"),
        ("url", "base_url=… to Client"),
        ("api_base", "base_url=… to Client"),
        ("apikey", "api_key=… to Client"),
        ("stream", r"client\.stream\(…\)"),
        ("streaming", r"client\.stream\(…\)"),
        ("openai_api_key", "api_key=… to Client"),
        ("stream_options", "stream.response.usage"),
        ("response_format", "schema=…"),
        ("response_model", "response.parsed"),
        ("response_schema", "Pass schema=…"),
        ("messages", r"client\.ask\(messages"),
        ("input", "first argument"),
        ("max_completion_tokens", "Pass max_tokens=…"),
        ("max_output_tokens", "Pass max_tokens=…"),
        ("stop_sequences", "Pass stop=…"),
        ("max_retries", "Pass retries=…"),
        ("system_prompt", "Pass system=…"),
        ("images", "Pass files=…"),
        ("functions", "Pass tools=…"),
        ("thinking", "reasoning_effort=… or reasoning_budget=…"),
        ("reasoning", "Pass reasoning_effort=…"),
        ("n", r"alternatives"),
        ("provider", "provider/model"),
        ("deployment", "Pass model=…"),
        ("extra_body", "Pass extra=…"),
        ("temprature", "Did you mean temperature"),
        ("top_k", r"extra=\{\"top_k\": …\}"),
        ("progress", r"client\.ask_many"),
        ("max_workers", r"concurrency=… to client\.ask_many"),
        ("flavour", r"extra=\{…\}"),
    ],
)
def test_options_of_other_libraries_are_explained(client, scripted, name, hint):
    """
    An option of another library is refused with a hint what to use instead.
    """
    with pytest.raises(ConfigurationError, match=f"Unknown option '{name}'.*{hint}"):
        client.ask("Hi", **{name: SECRET})

    assert scripted.calls == []


@pytest.mark.parametrize("name", ["api_key", "apikey", "access_token", "base_url", "url", "key", "token"])
def test_no_hint_recommends_extra_for_a_key(client, name):
    """
    In `extra` a key would be sent in the request body.
    """
    with pytest.raises(ConfigurationError) as caught:
        client.ask("Hi", **{name: SECRET})

    assert "extra" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"temperature": 0.2}, r"option of a call: client\.ask\(…, temperature=…\)"),
        ({"extra": {"a": 1}}, r"option of a call: client\.ask\(…, extra=…\)"),
        ({"system": "Be brief."}, r"client\.chat\(system=…\)"),
        ({"max_completion_tokens": 5}, "Pass max_tokens=… to each call"),
        ({"max_retries": 3}, "Pass retries=…"),
        ({"api_base": "http://x"}, "Pass base_url=…"),
        ({"url": "http://x"}, "Pass base_url=…"),
        ({"provider": "openai"}, "provider/model"),
        ({"http_client": 1}, "transport=…"),
        ({"retrys": 3}, "Did you mean retries"),
        ({"flavour": 3}, "Known options: .*timeout"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_client_options_in_the_wrong_place_are_explained(kind, options, hint):
    """
    A client refuses an option of a call, or another library's name, with the right place.
    """
    with pytest.raises(ConfigurationError, match=hint):
        kind("openai/gpt-4o", **options)


@pytest.mark.parametrize("name", ["api_key", "API-Key", "apikey", "Authorization", "x-api-key", "access_token"])
@pytest.mark.parametrize("method", ["ask", "complete", "embed", "moderate"])
def test_credentials_in_extra_are_rejected(client, scripted, name, method):
    """
    A key is not sent in the request body; the error does not contain its value.
    """
    with pytest.raises(ConfigurationError, match="body of the request") as caught:
        getattr(client, method)("Hi", extra={name: SECRET})

    assert SECRET not in repr(caught.value)
    assert scripted.calls == []


@pytest.mark.parametrize("method", ["ask", "complete", "embed", "moderate"])
def test_extra_is_a_dictionary(client, scripted, method):
    """
    Other types are refused by every method.
    """
    with pytest.raises(ConfigurationError, match="extra= must be a dictionary; got list"):
        getattr(client, method)("Hi", extra=[1])

    assert scripted.calls == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"cache": 3}, "cache= must be a name or a Cache, or a list of them; got int"),
        ({"cache": {}}, "cache= must be a name or a Cache, or a list of them; got dict"),
        ({"cache": ["memory", None]}, "cache= must be a name or a Cache, or a list of them; got NoneType"),
        ({"cache": ["memory", ""]}, "does not name a cache"),
        ({"cache": MemoryCache}, "cache= must be an object; got the class MemoryCache"),
        ({"cache": AsyncCache()}, "cache= must have methods that are not async; those of AsyncCache are"),
        ({"cache": True}, "cache=True does not name a cache"),
        ({"cache": ""}, "cache='' does not name a cache"),
        ({"cache_ttl": -1}, "'cache_ttl': input should be greater than 0"),
        ({"cache_ttl": 0}, "'cache_ttl'"),
        ({"cache_ttl": float("nan")}, "'cache_ttl'"),
        ({"cache_namespace": "a:b"}, "'cache_namespace': must have 1 to 200 printable characters, and no colon"),
        ({"model": 5}, "model= must be a text; got int"),
        ({"api_key": 5}, "api_key= must be a text; got int"),
        ({"base_url": 5}, "base_url= must be a text; got int"),
        ({"settings": 5}, "settings= must be a dictionary, a path or Settings; got int"),
        ({"settings": "nowhere.toml"}, "settings file 'nowhere.toml': No such file"),
    ],
)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_invalid_client_arguments_are_rejected(kind, arguments, text):
    """
    Invalid arguments are refused when the client is created.
    """
    with pytest.raises(ConfigurationError, match=text):
        kind(**{"model": "openai/gpt-4o", **arguments})


def test_settings_may_be_a_path(scripted, tmp_path):
    """
    A file in the form of budwood.toml takes precedence over other files; a byte order mark is ignored.
    """
    (tmp_path / "budwood.toml").write_text('model = "openai/gpt-4o"\n')
    file = tmp_path / "mine.toml"
    for content in (b'model = "openai/gpt-4.1"\n', b'\xef\xbb\xbfmodel = "openai/gpt-4.1"\n'):
        file.write_bytes(content)
        for path in (file, str(file)):
            with Client(settings=path, transport=scripted) as client:
                assert repr(client) == "Client('openai/gpt-4.1')"


@pytest.mark.parametrize("content", [b"model = ", b'key = "\xff"'])
def test_a_broken_settings_file_is_explained(tmp_path, content):
    """
    The error contains the path but not the content.
    """
    file = tmp_path / "mine.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"mine\.toml") as caught:
        Client(settings=file)

    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"cache": "sqlite"}, "cache= of a call must be True, False, 'fresh', 'refresh' or 'only'; got 'sqlite'"),
        ({"execute_tools": "no"}, "execute_tools= must be True or False"),
        ({"approve": True}, "approve= must be a function"),
        ({"tool_choice": 5}, "tool_choice= must be a text"),
        ({"model": 5}, "model= must be a text; got int"),
        ({"system": ["a"]}, "system= must be a text; got list"),
        ({"files": "a.txt"}, r"files= must be a list of files; got str. Pass files=\[…\]"),
        ({"schema": {"type": "json_object"}}, "'json_object' is not the type of a JSON schema"),
    ],
)
def test_options_of_a_wrong_type_are_rejected(client, scripted, option, text):
    """
    The error names the required type.
    """
    with pytest.raises(ConfigurationError, match=text):
        client.ask("Hi", **option)

    assert scripted.calls == []


def test_files_accept_bytes(client, scripted):
    """
    The first bytes decide whether content is an image or text.
    """
    scripted.reply(body=chat_reply())

    client.ask("Look.", files=[PNG, b"plain words"])

    image, text, _ = scripted.sent()["messages"][-1]["content"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,")
    assert "plain words" in text["text"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("s3://me:secret@bucket/a.png?sig=x", r"does not download files from s3: s3://bucket/a\.png"),
        ("data:image/png;base64,A", "invalid data URL"),
        ("data:image/png", "has no comma"),
        ("file:///a.png", "Pass its path"),
        (3, "of the type int.*content as bytes"),
        (b"\x00\x01\xff", "application/octet-stream"),
    ],
)
def test_invalid_files_are_explained(client, scripted, file, text):
    """
    The error says what to pass instead, without secrets of URLs.
    """
    with pytest.raises(PromptError, match=text):
        client.ask("Look.", files=[file])

    assert scripted.calls == []


def test_a_path_with_a_colon_is_a_path(client, scripted):
    """
    File names may contain colons.
    """
    Path("notes: today.txt").write_text("words")
    scripted.reply(body=chat_reply())

    client.ask("Read.", files=["notes: today.txt"])

    assert "words" in scripted.sent()["messages"][-1]["content"]


@pytest.mark.parametrize("arguments", [{"url": "https://x", "data": PNG}, {"media_type": "image/png"}])
def test_an_image_has_one_source(arguments):
    """
    An image with two sources, or with none but its type, is refused.
    """
    with pytest.raises(ValueError, match="media have one source: data"):
        Image(**arguments)

    assert ImagePart(data=PNG, media_type="image/png").url is None


FUNCTION = {"name": "weather", "description": "Tell the weather.", "parameters": SCHEMA}


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "function", "function": FUNCTION},
        {"type": "function", **FUNCTION},
        {"name": "weather", "description": "Tell the weather.", "input_schema": SCHEMA},
        ToolDefinition(**FUNCTION),
    ],
    ids=["Chat Completions", "Responses", "Messages", "ours"],
)
def test_tools_without_a_function_are_left_to_the_caller(client, scripted, tool):
    """
    The calls of a tool that is a dictionary are in the reply, and nothing runs.
    """
    scripted.reply(body=make_call_reply(("weather", '{"city": "Oslo"}')))

    reply = client.ask("?", tools=[tool])

    (call,) = reply.tool_calls
    assert (call.name, call.parse_arguments(), reply.finish_reason) == ("weather", {"city": "Oslo"}, "tool_calls")
    assert scripted.sent()["tools"] == [{"type": "function", "function": FUNCTION}]


def test_functions_run_beside_tools_of_the_caller(client, scripted):
    """
    Functions run until a tool of the caller is called: that reply is returned with all its calls.
    """

    def clock() -> str:
        return "noon"

    scripted.reply(body=make_call_reply(("clock", "{}"))).reply(
        body=make_call_reply(("clock", "{}"), ("weather", "{}"))
    )

    reply = client.ask("?", tools=[clock, {"type": "function", "function": FUNCTION}])

    assert [call.name for call in reply.tool_calls] == ["clock", "weather"]
    assert [message.role for message in reply.messages] == ["assistant", "tool", "assistant"]
    assert len(scripted.calls) == 2


def test_the_caller_continues_with_its_own_results(client, scripted):
    """
    The messages of the reply and the results of the caller are the next prompt.
    """
    scripted.reply(body=make_call_reply(("weather", '{"city": "Oslo"}'))).reply(body=chat_reply("Rain."))
    tools = [{"type": "function", "function": FUNCTION}]

    first = client.ask("?", tools=tools)
    result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "rain"}
    second = client.ask([Message.user("?"), *first.messages, result], tools=tools)

    assert second.text == "Rain."
    assert scripted.sent()["messages"][-1]["content"] == "rain"


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ({"type": "web_search"}, "runs at its vendor.*vendor_tools="),
        ({"type": "function"}, "needs a name"),
        ({"function": 5}, "needs a name"),
        ({"type": "function", "function": {"name": "get weather"}}, "'get weather' is not valid: name"),
        ({"type": "function", "function": {"name": "f", "parameters": [1]}}, "'f' is not valid: parameters"),
        ({"function_declarations": [FUNCTION]}, "needs a name"),
        ("weather", "of the type str"),
    ],
)
def test_dictionaries_that_are_not_tools_are_explained(client, scripted, tool, text):
    """
    The error for an invalid tool shows the right form.
    """
    with pytest.raises(ConfigurationError, match=text):
        client.ask("?", tools=[tool])

    assert scripted.calls == []


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ({"type": "function", "function": {"name": "weather"}}, {"type": "function", "function": {"name": "weather"}}),
        ({"type": "tool", "name": "weather"}, {"type": "function", "function": {"name": "weather"}}),
        ({"type": "any"}, "required"),
        ({"type": "auto"}, "auto"),
    ],
)
def test_tool_choice_may_be_a_dictionary(client, scripted, choice, sent):
    """
    The forms of vendors are accepted.
    """
    scripted.reply(body=make_call_reply(("weather", "{}")))

    client.ask("?", tools=[{"type": "function", "function": FUNCTION}], tool_choice=choice)

    assert scripted.sent()["tool_choice"] == sent


def test_a_schema_may_be_a_response_format(client, scripted):
    """
    The JSON schema inside a `response_format` of Chat Completions is used.
    """
    inner = {"name": "city", "schema": {**SCHEMA, "additionalProperties": False}, "strict": True}
    scripted.reply(body=chat_reply('{"city": "Oslo"}'))

    assert client.ask("?", schema={"type": "json_schema", "json_schema": inner}).parsed == {"city": "Oslo"}


def echo_all(first, /, second: int = 2, *rest: str, key: bool = False, **more: float):
    """
    Return the received values.

    Args:
        first: The first.
        second: The second.
        rest: All others.
        key: By its name.
        more: By any name.
    """
    return json.dumps([first, second, rest, key, more])


@pytest.mark.parametrize(
    ("function", "arguments", "result"),
    [
        (echo_all, {"first": "a"}, ["a", 2, [], False, {}]),
        (echo_all, {"first": "a", "rest": ["x", "y"], "key": True}, ["a", 2, ["x", "y"], True, {}]),
        (echo_all, {"first": "a", "second": "3", "more": 1.5}, ["a", 3, [], False, {"more": 1.5}]),
        (lambda *numbers: json.dumps(numbers), {"numbers": [1, "a"]}, [1, "a"]),
        (lambda **more: json.dumps(more), {"a": 1, "b": "c"}, {"a": 1, "b": "c"}),
        (lambda one, /: json.dumps(one), {"one": 1}, 1),
    ],
)
def test_tools_may_have_any_parameters(client, scripted, function, arguments, result):
    """
    All kinds of parameters are described as properties, and arguments reach the right parameters.
    """
    if function is not echo_all:
        function.__name__ = "echo_all"
    scripted.reply(body=make_call_reply(("echo_all", json.dumps(arguments)))).reply(body=chat_reply("Done."))

    client.ask("?", tools=[function])

    assert json.loads(scripted.sent()["messages"][-1]["content"]) == result


def test_variable_parameters_are_described(client, scripted):
    """
    ``*args`` is a list, and ``**kwargs`` are further properties.
    """
    scripted.reply(body=chat_reply())

    client.ask("?", tools=[echo_all])

    parameters = scripted.sent()["tools"][0]["function"]["parameters"]
    assert parameters["type"] == "object"
    assert set(parameters["properties"]) == {"first", "second", "rest", "key"}
    assert parameters["properties"]["rest"]["items"] == {"type": "string"}
    assert parameters["properties"]["rest"]["description"] == "All others."
    assert parameters["required"] == ["first"]
    assert parameters["additionalProperties"] == {"type": "number"}


def test_the_model_gets_errors_in_variable_arguments(client, scripted):
    """
    The model receives the error for a value of the wrong type.
    """
    scripted.reply(body=make_call_reply(("echo_all", '{"first": 1, "rest": [{}]}'))).reply(body=chat_reply("Sorry."))

    client.ask("?", tools=[echo_all])

    assert "rest.0: Input should be a valid string" in scripted.sent()["messages"][-1]["content"]


@pytest.mark.parametrize("method", ["embed", "moderate"])
@pytest.mark.parametrize("value", [5, None, b"a"])
def test_services_for_text_reject_other_types(client, scripted, method, value):
    """
    Services for texts name the required type.
    """
    with pytest.raises(BudwoodError, match="must be a text or a list of them"):
        getattr(client, method)(value)

    assert scripted.calls == []


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda client: client.embed(["a", 5]), "texts.1: Input should be a valid string"),
        (lambda client: client.embed("a", dimensions="many"), "dimensions: Input should be a valid integer"),
        (lambda client: client.complete(5), "The prompt is of the type int"),
        (lambda client: client.stream_completion(None), "The prompt is of the type NoneType"),
    ],
)
def test_services_name_the_invalid_value(client, scripted, call, text):
    """
    Invalid values for embeddings and completions are errors of Budwood, and nothing is sent.
    """
    with pytest.raises(BudwoodError, match=text):
        call(client)

    assert scripted.calls == []
