from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from budwood.errors import CredentialError, UnsupportedError
from budwood.types import Capability, ChatRequest, ImagePart, Message, OutputSchema, TextPart, ToolDefinition
from budwood_groq import GroqSettings
from budwood_testing import chat_reply

TOOL = ToolDefinition(name="weather", parameters={"type": "object", "properties": {}})


def body_of(provider, model="openai/gpt-oss-20b", **fields):
    """
    Encode a request; return its body and its receipts.
    """
    fields = {"messages": (Message.user("Hello"),), **fields}
    call = provider.encode(ChatRequest(model=model, **fields), stream=False)
    return json.loads(call.body), {(receipt.parameter, receipt.action) for receipt in call.adaptations}


def test_the_vendors_own_variables(scripted, clock, monkeypatch):
    """
    Key and address come from the variables that Groq's own library reads, whose address has no path.
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
    Without a key the error names the variable.
    """
    from budwood import Client

    with (
        Client("groq/openai/gpt-oss-20b", transport=scripted, clock=clock, cache=False) as client,
        pytest.raises(CredentialError, match="GROQ_API_KEY"),
    ):
        client.ask("Hello")
    assert scripted.calls == []


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/", "https://api.groq.com/openai/v1"),
        ("https://gateway.example.org/groq/v1/", "https://gateway.example.org/groq/v1"),
    ],
)
def test_an_address_without_a_path_is_completed(given, used):
    """
    Groq's own library takes the host alone; an address with a path is taken as it is.
    """
    assert GroqSettings(base_url=given).base_url == used


def test_the_bound_of_the_output_has_its_new_name(groq):
    """
    Groq prefers ``max_completion_tokens`` for all its models: that is no adaptation.
    """
    body, receipts = body_of(groq(), max_tokens=5)

    assert body["max_completion_tokens"] == 5
    assert receipts == set()


@pytest.mark.parametrize(
    ("given", "parameter"),
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
def test_what_groq_refuses_is_left_out(groq, given, parameter):
    """
    What Groq answers with 400, or passes over, is not sent, with a receipt; all else is.
    """
    given = {"temperature": 0.5, **given}
    body, receipts = body_of(groq(), **given)

    assert parameter not in body
    assert body["temperature"] == 0.5
    assert receipts == {(parameter, "dropped")}


def test_names_of_messages_are_left_out(groq):
    """
    Groq refuses names; the messages themselves are kept.
    """
    named = Message(role="user", name="Ada", parts=(TextPart(text="Hello"),))
    body, receipts = body_of(groq(), messages=(named,))

    assert body["messages"] == [{"role": "user", "content": "Hello"}]
    assert receipts == {("name", "dropped")}


def test_one_choice_may_be_asked_for(groq):
    """
    An ``n`` of 1 is what Groq takes.
    """
    body, receipts = body_of(groq(), extra={"n": 1})

    assert body["n"] == 1
    assert receipts == set()


def test_a_refused_parameter_is_an_error_where_the_caller_wants_that(asking, scripted):
    """
    With ``on_unsupported="error"`` nothing is sent.
    """
    with asking(on_unsupported="error") as client, pytest.raises(UnsupportedError, match="logprobs"):
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
def test_the_effort_is_one_that_the_model_knows(groq, model, effort, sent):
    """
    An effort that a model does not know becomes the nearest that it does, with a receipt.
    """
    body, receipts = body_of(groq(), model, reasoning_effort=effort)

    assert body.get("reasoning_effort") == sent
    action = "dropped" if sent is None else "changed"
    assert receipts == (set() if sent == effort else {("reasoning_effort", action)})


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
def test_the_form_of_thoughts(groq, settings, model, fields, sent):
    """
    The call's own word wins over the settings, these over the catalog; format and inclusion are never sent together.
    """
    body, _ = body_of(groq(**settings), model, **fields)

    assert {name: body[name] for name in ("reasoning_format", "include_reasoning") if name in body} == sent


def test_contradicting_words_leave_a_receipt(groq):
    """
    Where a call itself gives both, the format is left out, and that is said.
    """
    extra = {"reasoning_format": "parsed", "include_reasoning": True}
    body, receipts = body_of(groq(), extra=extra)

    assert "reasoning_format" not in body
    assert receipts == {("reasoning_format", "dropped")}


def test_raw_thoughts_beside_json_leave_a_receipt(groq):
    """
    Raw thoughts beside JSON would be a 400.
    """
    extra = {"reasoning_format": "raw", "response_format": {"type": "json_object"}}
    body, receipts = body_of(groq(), "qwen/qwen3-32b", extra=extra)

    assert body["reasoning_format"] == "parsed"
    assert receipts == {("reasoning_format", "changed")}


def test_settings_say_one_thing_of_reasoning():
    """
    Groq refuses the two parameters together, and so do the settings.
    """
    with pytest.raises(ValidationError, match="mutually exclusive"):
        GroqSettings(reasoning_format="parsed", include_reasoning=True)


def test_the_service_tier(groq):
    """
    The tier is the instance's, unless the call says another.
    """
    provider = groq(service_tier="flex")

    assert body_of(provider)[0]["service_tier"] == "flex"
    assert body_of(provider, extra={"service_tier": "auto"})[0]["service_tier"] == "auto"
    assert "service_tier" not in body_of(groq())[0]


@pytest.mark.parametrize(
    ("model", "strict"), [("openai/gpt-oss-20b", True), ("meta-llama/llama-4-scout-17b-16e-instruct", None)]
)
def test_strict_schemas_are_for_models_that_have_them(groq, model, strict):
    """
    Models with schemas at best effort refuse ``strict``; it is left out, with a receipt.
    """
    schema = OutputSchema(json_schema={"type": "object"}, strict=True)
    body, receipts = body_of(groq(), model, output_schema=schema)

    assert body["response_format"]["json_schema"].get("strict") == strict
    assert receipts == (set() if strict else {("strict", "dropped")})


def test_capabilities_are_those_of_groq(asking):
    """
    Groq makes no embeddings, and what a model lacks is a row of the catalog.
    """
    with asking() as client:
        assert Capability.EMBEDDINGS not in client.capabilities()
        assert Capability.IMAGE_INPUT not in client.capabilities("groq/openai/gpt-oss-20b")
        assert Capability.IMAGE_INPUT in client.capabilities("groq/meta-llama/llama-4-scout-17b-16e-instruct")
        assert Capability.JSON_SCHEMA not in client.capabilities("groq/llama-3.3-70b-versatile")


def test_images_are_sent(groq):
    """
    An image goes as a data address.
    """
    message = Message(role="user", parts=(ImagePart(data=b"x", media_type="image/png"), TextPart(text="What?")))
    body, _ = body_of(groq(), "meta-llama/llama-4-scout-17b-16e-instruct", messages=(message,))

    assert body["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,eA=="


def test_settings_do_not_show_the_key(groq):
    """
    The key is in no text that settings or provider give of themselves.
    """
    settings = GroqSettings(api_key="gsk_very_secret")

    assert "gsk_very_secret" not in f"{settings} {settings!r} {vars(groq(api_key='gsk_very_secret'))}"
    assert "gsk_very_secret" not in settings.model_dump_json()
