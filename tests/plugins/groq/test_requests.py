from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from budwood.errors import CredentialError, UnsupportedError
from budwood.types import Capability, ChatRequest, ImagePart, Message, OutputSchema, TextPart, ToolDefinition
from budwood_groq import GroqSettings
from budwood_testing import chat_reply

TOOL = ToolDefinition(name="weather", parameters={"type": "object", "properties": {}})


def encode(provider, model="openai/gpt-oss-20b", **fields):
    """
    Encode a request, and return its body and adaptations.
    """
    fields = {"messages": (Message.user("Hello"),), **fields}
    call = provider.encode(ChatRequest(model=model, **fields), stream=False)
    return json.loads(call.body), {(adaptation.parameter, adaptation.action) for adaptation in call.adaptations}


def test_environment_variables(scripted, clock, monkeypatch):
    """
    Key and address are read from the variables of Groq's library, whose address has no path.
    """
    from budwood import Client

    monkeypatch.setenv("GROQ_API_KEY", "gsk_of_the_environment")
    monkeypatch.setenv("GROQ_BASE_URL", "https://proxy.example.org/")
    scripted.reply(200, chat_reply("Hi"))
    with Client("groq/openai/gpt-oss-20b", transport=scripted, clock=clock, cache=False) as client:
        assert client.ask("Hello").text == "Hi"

    (call,) = scripted.calls
    assert call.url == "https://proxy.example.org/openai/v1/chat/completions"
    assert call.headers["authorization"] == "Bearer gsk_of_the_environment"
    assert scripted.sent()["model"] == "openai/gpt-oss-20b"


def test_nothing_is_sent_without_a_key(scripted, clock):
    """
    Without a key, the error names the variable.
    """
    from budwood import Client

    with (
        Client("groq/openai/gpt-oss-20b", transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(CredentialError, match="GROQ_API_KEY"),
    ):
        client.ask("Hello")
    assert scripted.calls == []


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/", "https://api.groq.com/openai/v1"),
        ("https://gateway.example.org/groq/v1/", "https://gateway.example.org/groq/v1"),
    ],
)
def test_base_url_without_a_path(base_url, expected):
    """
    A base URL without a path gets one, as in Groq's library; one with a path is unchanged.
    """
    assert GroqSettings(base_url=base_url).base_url == expected


def test_max_tokens(groq):
    """
    max_tokens is sent as ``max_completion_tokens``, without an adaptation.
    """
    body, adaptations = encode(groq(), max_tokens=5)

    assert body["max_completion_tokens"] == 5
    assert adaptations == set()


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        ({"extra": {"logprobs": True}}, "logprobs"),
        ({"extra": {"top_logprobs": 2}}, "top_logprobs"),
        ({"extra": {"logit_bias": {"1": 2}}}, "logit_bias"),
        ({"extra": {"n": 2}}, "n"),
        ({"extra": {"store": True}}, "store"),
        ({"extra": {"metadata": {"a": "b"}}}, "metadata"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
    ],
)
def test_rejected_parameters_are_dropped(groq, options, parameter):
    """
    Parameters that Groq rejects or ignores are not sent, and reported as adaptations.
    """
    options = {"temperature": 0.5, **options}
    body, adaptations = encode(groq(), **options)

    assert parameter not in body
    assert body["temperature"] == 0.5
    assert adaptations == {(parameter, "dropped")}


def test_message_names_are_dropped(groq):
    """
    Names of messages are not sent; the messages are.
    """
    named = Message(role="user", name="Ada", parts=(TextPart(text="Hello"),))
    body, adaptations = encode(groq(), messages=(named,))

    assert body["messages"] == [{"role": "user", "content": "Hello"}]
    assert adaptations == {("name", "dropped")}


def test_one_choice(groq):
    """
    An ``n`` of 1 is sent.
    """
    body, adaptations = encode(groq(), extra={"n": 1})

    assert body["n"] == 1
    assert adaptations == set()


def test_on_unsupported_error(make_client, scripted):
    """
    With ``on_unsupported="error"`` nothing is sent.
    """
    with make_client(on_unsupported="error") as client, pytest.raises(UnsupportedError, match="logprobs"):
        client.ask("Hello", extra={"logprobs": True})
    assert scripted.calls == []


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("openai/gpt-oss-120b", "low", "low"),
        ("openai/gpt-oss-120b", "none", "low"),
        ("openai/gpt-oss-120b", "minimal", "low"),
        ("openai/gpt-oss-20b", "max", "high"),
        ("qwen/qwen3-32b", "none", "none"),
        ("qwen/qwen3-32b", "low", "default"),
        ("qwen/qwen3-32b", "high", "default"),
        ("qwen/qwen3.8-27b", "high", "high"),
        ("llama-3.3-70b-versatile", "high", None),
        ("some/new-model", "xhigh", "xhigh"),
    ],
)
def test_unsupported_effort(groq, model, effort, sent):
    """
    An unsupported effort is replaced by the nearest one, and reported as an adaptation.
    """
    body, adaptations = encode(groq(), model, reasoning_effort=effort)

    assert body.get("reasoning_effort") == sent
    action = "dropped" if sent is None else "changed"
    assert adaptations == (set() if sent == effort else {("reasoning_effort", action)})


@pytest.mark.parametrize(
    ("settings", "model", "fields", "sent"),
    [
        ({}, "openai/gpt-oss-20b", {}, {}),
        ({}, "qwen/qwen3-32b", {}, {"reasoning_format": "parsed"}),
        ({}, "qwen/qwen3-32b", {"reasoning_effort": "none"}, {}),
        ({}, "qwen/qwen3-32b", {"extra": {"reasoning_format": "hidden"}}, {"reasoning_format": "hidden"}),
        ({}, "qwen/qwen3-32b", {"extra": {"include_reasoning": False}}, {"include_reasoning": False}),
        ({"reasoning_format": "raw"}, "qwen/qwen3-32b", {}, {"reasoning_format": "raw"}),
        ({"reasoning_format": "raw"}, "qwen/qwen3-32b", {"tools": (TOOL,)}, {"reasoning_format": "parsed"}),
        ({"include_reasoning": False}, "qwen/qwen3-32b", {}, {"include_reasoning": False}),
        ({"include_reasoning": False}, "llama-3.1-8b-instant", {}, {}),
        ({"reasoning_format": "parsed"}, "some/new-model", {}, {"reasoning_format": "parsed"}),
    ],
)
def test_reasoning_format(groq, settings, model, fields, sent):
    """
    Options of the call take precedence over settings, and settings over the catalog; only one of both is sent.
    """
    body, _ = encode(groq(**settings), model, **fields)

    assert {name: body[name] for name in ("reasoning_format", "include_reasoning") if name in body} == sent


def test_both_reasoning_options_in_a_call(groq):
    """
    If a call has both options, the format is not sent, and reported as an adaptation.
    """
    extra = {"reasoning_format": "parsed", "include_reasoning": True}
    body, adaptations = encode(groq(), extra=extra)

    assert "reasoning_format" not in body
    assert adaptations == {("reasoning_format", "dropped")}


def test_raw_reasoning_with_json(groq):
    """
    Raw reasoning with JSON output is sent as ``parsed``, and reported as an adaptation.
    """
    extra = {"reasoning_format": "raw", "response_format": {"type": "json_object"}}
    body, adaptations = encode(groq(), "qwen/qwen3-32b", extra=extra)

    assert body["reasoning_format"] == "parsed"
    assert adaptations == {("reasoning_format", "changed")}


def test_both_reasoning_settings_are_rejected():
    """
    Settings with both options are rejected, as Groq rejects both parameters.
    """
    with pytest.raises(ValidationError, match="mutually exclusive"):
        GroqSettings(reasoning_format="parsed", include_reasoning=True)


def test_service_tier(groq):
    """
    The tier is that of the settings, unless the call sets another.
    """
    provider = groq(service_tier="flex")

    assert encode(provider)[0]["service_tier"] == "flex"
    assert encode(provider, extra={"service_tier": "auto"})[0]["service_tier"] == "auto"
    assert "service_tier" not in encode(groq())[0]


@pytest.mark.parametrize(
    ("model", "strict"), [("openai/gpt-oss-20b", True), ("meta-llama/llama-4-scout-17b-16e-instruct", None)]
)
def test_strict_schemas(groq, model, strict):
    """
    ``strict`` is not sent to models that do not support it, and reported as an adaptation.
    """
    schema = OutputSchema(json_schema={"type": "object"}, strict=True)
    body, adaptations = encode(groq(), model, output_schema=schema)

    assert body["response_format"]["json_schema"].get("strict") == strict
    assert adaptations == (set() if strict else {("strict", "dropped")})


def test_capabilities(make_client):
    """
    Groq has no embeddings, and the catalog lists what a model lacks.
    """
    with make_client() as client:
        assert Capability.EMBEDDINGS not in client.capabilities()
        assert Capability.IMAGE_INPUT not in client.capabilities("groq/openai/gpt-oss-20b")
        assert Capability.IMAGE_INPUT in client.capabilities("groq/meta-llama/llama-4-scout-17b-16e-instruct")
        assert Capability.JSON_SCHEMA not in client.capabilities("groq/llama-3.3-70b-versatile")


def test_images_are_sent(groq):
    """
    An image is sent as a data URL.
    """
    message = Message(role="user", parts=(ImagePart(data=b"x", media_type="image/png"), TextPart(text="What?")))
    body, _ = encode(groq(), "meta-llama/llama-4-scout-17b-16e-instruct", messages=(message,))

    assert body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,eA=="


def test_settings_do_not_show_the_key(groq):
    """
    The repr and the dump of settings and provider do not contain the key.
    """
    settings = GroqSettings(api_key="gsk_very_secret")

    assert "gsk_very_secret" not in f"{settings} {settings!r} {vars(groq(api_key='gsk_very_secret'))}"
    assert "gsk_very_secret" not in settings.model_dump_json()
