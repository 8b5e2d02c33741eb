"""The most tokens and the highest cost that a request can have."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.engine.budgets.worst_case import HIDDEN_TOKENS, HIDDEN_TOKENS_OF_TOOLS, compute_worst_case
from budwood.types import (
    Adaptation,
    AudioPart,
    BodyFile,
    ChatRequest,
    DocumentPart,
    EmbeddingRequest,
    ImagePart,
    Message,
    ModelFacts,
    ModelRules,
    ModerationRequest,
    ReasoningPart,
    SpeechRequest,
    TextPart,
    ToolDefinition,
    ToolResultPart,
    TranscriptionRequest,
    Usage,
    VendorPart,
    VendorTool,
    VideoPart,
)

MOMENT = datetime(2026, 11, 26, 12, tzinfo=UTC)
FACTS = ModelFacts.model_validate({"prices": {"input": "2", "output": "8"}})
PROVIDERS = ("openai", "anthropic", "gemini", "groq", "ollama", "deepseek")


def worst_case(request, **changes):
    """
    Return the worst case of a request of 100 bytes.
    """
    defaults = {
        "body": b"x" * 100,
        "counted": None,
        "rules": ModelRules(),
        "facts": FACTS,
        "adaptations": (),
        "moment": MOMENT,
    }
    return compute_worst_case(request, **(defaults | changes))


def chat(*parts, **fields):
    """
    Return a request with at most ten tokens of output.
    """
    message = Message(role="user", parts=parts or (TextPart(text="Hello"),))
    return ChatRequest(**{"model": "m", "messages": (message,), "max_tokens": 10, **fields})


# Any usage costs at most as much.

prices = st.decimals(min_value=0, max_value=100, places=4)
maybe_prices = st.none() | prices
names = ("input", "cached_input", "cache_write", "cache_write_1h", "output")
steps = st.fixed_dictionaries({"tokens": st.integers(0, 2000)}, optional=dict.fromkeys(names, prices))
rows = st.fixed_dictionaries(
    {
        "input": prices,
        "output": prices,
        "cached_input": maybe_prices,
        "cache_write": maybe_prices,
        "cache_write_1h": maybe_prices,
        "service_tier": st.sampled_from([None, "flex", "priority"]),
        "since": st.none() | st.dates(date(2026, 11, 25), date(2026, 11, 27)),
        "hours": st.none() | st.tuples(st.times(), st.times()),
        "long_input": st.lists(steps, max_size=3),
    }
)


@st.composite
def usages(draw, tokens_in, tokens_out):
    """
    Draw a usage within bounds, which often has as many tokens of one kind as possible.
    """
    tokens_in = draw(st.sampled_from([tokens_in, draw(st.integers(0, tokens_in))]))
    read = draw(st.sampled_from([0, tokens_in, draw(st.integers(0, tokens_in))]))
    written = draw(st.sampled_from([0, tokens_in - read, draw(st.integers(0, tokens_in - read))]))
    return Usage(
        input_tokens=tokens_in,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=draw(st.sampled_from([None, written, draw(st.integers(0, written))])),
        output_tokens=draw(st.sampled_from([tokens_out, draw(st.integers(0, tokens_out))])),
    )


@given(rows=st.lists(rows, min_size=1, max_size=5), data=st.data())
def test_no_usage_costs_more(rows, data):
    """
    Whatever the prices, and however input is read from or written to a cache, at any time within a day.
    """
    draw = data.draw
    max_tokens, choices = draw(st.integers(1, 3000)), draw(st.integers(1, 4))
    tools = draw(st.sampled_from([(), (ToolDefinition(name="t", parameters={}),)]))
    facts = ModelFacts.model_validate({"prices": rows})
    request = chat(max_tokens=max_tokens, extra={"n": choices}, tools=tools)
    worst = worst_case(request, body=b"x" * draw(st.integers(0, 3000)), facts=facts)
    usage = draw(usages(worst.tokens - max_tokens * choices, max_tokens * choices))
    later = draw(st.timedeltas(timedelta(0), timedelta(hours=24)))
    tier = draw(st.sampled_from([row["service_tier"] for row in rows]))

    cost = facts.cost(usage, MOMENT + later, tier).dollars

    assert worst.tokens >= usage.total_tokens
    assert cost is None or cost <= worst.dollars


@given(texts=st.lists(st.text(max_size=80), min_size=1, max_size=6), provider=st.sampled_from(PROVIDERS))
def test_no_text_has_more_tokens_than_the_request_has_bytes(texts, provider, endpoints):
    """
    The encoded request contains every byte of every text, and more bytes around each message.
    """
    messages = tuple(
        Message(role="assistant" if number % 2 else "user", parts=(TextPart(text=f"x{text}"),))
        for number, text in enumerate(texts)
    )
    request = ChatRequest(model="m", messages=messages, max_tokens=10)

    body = endpoints[provider].encode(request, stream=False).body

    assert len(body) >= sum(len(text.encode()) + 1 + 8 for text in texts)


@pytest.fixture(scope="module")
def endpoints():
    """
    The providers of several vendors.
    """
    found = {}
    for provider in PROVIDERS:
        with Client(f"{provider}/m", settings={"providers": {provider: {}}}, api_key="k") as client:
            found[provider] = client._engine.endpoints.get(provider).remote
    return found


# The bounds.


def test_input_is_bounded_by_bytes_or_counted():
    """
    An exact count replaces the bound by bytes, and what vendors add to it.
    """
    tool = ToolDefinition(name="t", parameters={})

    assert worst_case(chat()).tokens == 100 + HIDDEN_TOKENS + 10
    assert worst_case(chat(tools=(tool,))).tokens == 100 + HIDDEN_TOKENS + HIDDEN_TOKENS_OF_TOOLS + 10
    assert worst_case(chat(), counted=7).tokens == 17
    assert worst_case(chat(), counted=7).dollars == Decimal(7 * 2 + 10 * 8) / 1_000_000


def test_speech_by_characters_has_a_known_cost():
    """
    It costs the same, however long the audio is.
    """
    facts = ModelFacts(media_prices={"characters": 15})
    computed = worst_case(SpeechRequest(model="m", text="Grüße"), facts=facts)

    assert (computed.dollars, computed.unbounded, computed.no_price) == (Decimal(75) / 1_000_000, None, None)


@pytest.mark.parametrize(("seconds", "charged"), [(3.0, 10), (3599.0, 3600)])
def test_transcription_by_hours_has_a_known_cost(seconds, charged):
    """
    If the duration of the audio is known. Vendors charge for at least some seconds.
    """
    facts = ModelFacts(media_prices={"audio_hour": 36})
    request = TranscriptionRequest(model="m", audio=AudioPart(data=b"x", media_type="audio/wav"))
    body = (b"x", BodyFile(Path("a.wav")))

    known = worst_case(request, facts=facts, body=body, seconds=seconds)

    assert (known.dollars, known.unbounded, known.no_price) == (Decimal(charged) / 100, None, None)
    assert "files" in worst_case(request, facts=facts, body=body).unbounded
    expensive = request.model_copy(update={"extra": {"style": "slow"}})
    assert "style" in worst_case(expensive, facts=facts, body=body, seconds=seconds).unbounded


def test_voice_of_the_catalog_has_no_cost():
    """
    A default voice of the model is not a parameter of the caller that could raise the cost.
    """
    facts, rules = ModelFacts(media_prices={"characters": 15}), ModelRules(defaults={"voice": "alloy"})

    assert worst_case(SpeechRequest(model="m", text="a"), facts=facts, rules=rules).unbounded is None
    request = SpeechRequest(model="m", text="a", extra={"style": "slow"})
    assert worst_case(request, facts=facts, rules=rules).unbounded == "style in extra= can raise the cost"


def test_embeddings_have_no_output():
    """
    Only their input has a price, so that no price of output is needed.
    """
    facts = ModelFacts.model_validate({"prices": {"input": "2"}})

    worst = worst_case(EmbeddingRequest(model="m", texts=("Hello",)), facts=facts)

    assert worst == (100 + HIDDEN_TOKENS, Decimal(2 * (100 + HIDDEN_TOKENS)) / 1_000_000, None, None, None)
    assert worst_case(ModerationRequest(contents=((TextPart(text="a"),),)), facts=facts).tokens == worst.tokens


@pytest.mark.parametrize(
    "adaptation", [("dropped", None), ("changed", None), ("dropped", 500), ("renamed", None)], ids=str
)
def test_output_that_is_not_limited_is_bounded_by_the_model(adaptation):
    """
    If the encoder drops max_tokens, the limit of the model remains; without one, nothing bounds the output.
    """
    action, limit = adaptation
    dropped = (Adaptation(parameter="max_tokens", action=action, reason=""),)

    worst = worst_case(chat(), adaptations=dropped, rules=ModelRules(max_output_tokens=limit))

    assert (worst.unbounded is None) == (action == "renamed" or limit is not None)
    assert worst.tokens == 100 + HIDDEN_TOKENS + (limit or (10 if action == "renamed" else 0))


def test_reasoning_that_the_vendor_stores_counts_as_input():
    """
    A reference to it may stand for as many tokens as the model can write; its text or its cipher counts by its bytes.
    """
    stored = ReasoningPart(text="", provider="v", data={"type": "reasoning", "id": "rs_1", "summary": []})
    sent = ReasoningPart(text="", provider="v", data={"type": "reasoning", "encrypted_content": "x" * 400})
    rules = ModelRules(max_output_tokens=1000)
    body = b'{"id":"rs_1"}'.ljust(100)

    assert worst_case(chat(stored, stored), body=body, rules=rules).tokens == 100 + HIDDEN_TOKENS + 10 + 2000
    assert worst_case(chat(sent), body=body, rules=rules).tokens == 100 + HIDDEN_TOKENS + 10
    assert "reasoning" in worst_case(chat(stored), body=body).unbounded


def test_choices_multiply_the_output():
    """
    Their number comes from the call, or from the user's rules for the model.
    """
    rules = ModelRules(defaults={"n": 3})

    assert worst_case(chat(extra={"n": 2}), counted=5, rules=rules).tokens == 5 + 2 * 10
    assert worst_case(chat(), counted=5, rules=rules).tokens == 5 + 3 * 10


def test_reference_that_is_not_sent_does_not_count():
    """
    An encoder leaves out what another vendor stores.
    """
    foreign = ReasoningPart(text="", provider="v", data={"type": "reasoning", "id": "rs_1", "summary": []})

    assert worst_case(chat(foreign)) == worst_case(chat())


def test_files_have_no_bound():
    """
    A file that the transport sends is media.
    """
    assert "files" in worst_case(chat(), body=(b"x", BodyFile(Path("a.wav")))).unbounded


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (chat(ImagePart(url="https://example.org/a.png")), "images"),
        (chat(ImagePart(data=b"x", media_type="image/png")), "images"),
        (chat(ToolResultPart(call_id="c", name="t", content=(ImagePart(data=b"x"),))), "images"),
        (chat(DocumentPart(data=b"%PDF-")), "documents"),
        (chat(AudioPart(url="https://example.org/a.mp3")), "audio"),
        (chat(VideoPart(file_id="files/abc")), "videos"),
        (SpeechRequest(model="m", text="Hello"), "cost of such requests"),
        (chat(VendorPart(provider="v", kind="input_audio", data={})), "input_audio"),
        (chat(vendor_tools=(VendorTool(provider="v", data={}),)), "tools that run at the vendor"),
        (chat(tools=(ToolDefinition(name="t", parameters={}, extra={"type": "search"}),)), "extra of a tool"),
        (chat(extra={"previous_response_id": "r"}), "previous_response_id"),
        (chat(extra={"max_completion_tokens": "many"}), "max_completion_tokens"),
        (chat(extra={"max_tokens": None}), "max_tokens"),
        (chat(extra={"max_output_tokens": True}), "max_output_tokens"),
        (chat(extra={"tools": [{"type": "web_search"}]}), "tools that run at the vendor"),
        (chat(extra={"tools": [{"googleSearch": {}}]}), "tools that run at the vendor"),
        (chat(extra={"prompt": {"id": "pmpt_1"}}), "a reference"),
        (chat(extra={"conversation": "conv_1"}), "conversation"),
        (chat(extra={"input": [{"id": "msg_1"}]}), "a reference"),
        (chat(extra={"input": [{"type": "item_reference", "id": "msg_1"}]}), "item_reference"),
        (chat(extra={"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}), "reasoning"),
        (
            chat(extra={"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]}),
            "input_image",
        ),
        (chat(extra={"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}), "audio"),
        (chat(extra={"model": "expensive"}), "model"),
        (chat(extra={"best_of": 5}), "best_of"),
        (chat(extra={"n": "many"}), "choices"),
        (EmbeddingRequest(model="m", texts=("a",), extra={"model": "large"}), "model"),
        (ModerationRequest(contents=((ImagePart(url="https://example.org/a"),),)), "images"),
        ("a request of another kind", "such requests"),
    ],
)
def test_request_whose_cost_has_no_bound_is_known(request_, reason):
    """
    Media, tools at the vendor, and parameters that could raise the cost have no bound.
    """
    assert reason in worst_case(request_).unbounded


TEXTS = [
    {"input": "Hello"},
    {"input": [1, 2, 3]},
    {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hello"}]}]},
    {"input": [{"type": "function_call_output", "call_id": "c", "output": "17"}]},
    {"input": [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x" * 80}]},
    {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {}}]}]},
    {"tools": [{"type": "custom", "name": "t"}, {"name": "u", "input_schema": {"type": "object"}}]},
    {"functions": [{"name": "t"}]},
    {"background": True, "modalities": ["text"], "conversation": None},
]


@pytest.mark.parametrize("extra", TEXTS, ids=str)
def test_texts_in_parameters_are_bounded_by_their_bytes(extra):
    """
    A vendor's form of the prompt or of tools is a part of the body, and a count of the messages does not include it.
    """
    worst = worst_case(chat(extra=extra), counted=1)

    assert worst.unbounded is None
    contents = {"input", "messages"} & extra.keys()
    assert not contents or worst.tokens == 100 + HIDDEN_TOKENS + HIDDEN_TOKENS_OF_TOOLS + 10


def test_each_prompt_has_an_output():
    """
    Plain completions of several prompts cost as much as several requests. One prompt may be a list of tokens.
    """
    one, several = (worst_case(chat(extra={"prompt": prompt})) for prompt in ([1, 2, 3], ["a", "b", "c"]))

    assert several.tokens - one.tokens == 2 * 10


def test_the_largest_limit_of_the_output_counts():
    """
    Vendors have several names of it.
    """
    limits = {"max_tokens": 7, "max_completion_tokens": 10_000}

    assert worst_case(chat(extra=limits), counted=5).tokens == 5 + 10_000


def test_parameter_with_an_unknown_cost_is_named():
    """
    Those who translate requests need it.
    """
    assert worst_case(chat(extra={"style": "slow"})).parameter == "style"
    assert worst_case(chat(extra={"n": "many"})).parameter == "n"
    assert worst_case(chat(ImagePart(data=b"x"))).parameter is None


def test_part_without_content_has_no_cost():
    """
    The prompt is in a parameter of the vendor then.
    """
    empty = VendorPart(provider="", kind="none", data=None)

    assert worst_case(chat(empty, extra={"input": "Hello"})).unbounded is None


@pytest.mark.parametrize("extra", [{"top_k": 5}, {"n": 2}, {"service_tier": "flex"}, {"user": "u"}], ids=str)
def test_harmless_parameters_keep_the_bound(extra):
    """
    Sampling, and tiers that do not cost more, change nothing.
    """
    assert worst_case(chat(extra=extra)).unbounded is None


@pytest.mark.parametrize(
    ("tier", "is_known"), [("auto", True), ("flex", True), ("Priority", True), ("performance", False)]
)
def test_service_tier_needs_a_price(tier, is_known):
    """
    It comes from ``extra`` or from the settings of the provider. The highest price of all tiers is assumed.
    """
    prices = [{"input": "2", "output": "8"}, {"input": "4", "output": "16", "service_tier": "priority"}]
    body = json.dumps({"service_tier": tier, "note": 'a text with "service_tier": "unknown"'}).encode()

    worst = worst_case(chat(), body=body, facts=ModelFacts.model_validate({"prices": prices}), counted=10)

    assert (worst.unbounded is None) == is_known
    assert worst.dollars == Decimal(10 * 4 + 10 * 16) / 1_000_000


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (None, "no price is known"),
        ({}, "no price is known"),
        ({"prices": {"input": "2"}}, "no price is known"),
        ({"prices": {"input": "2", "output": "8"}, "apart": ["image"]}, "image tokens"),
        ({"prices": {"input": "2", "output": "8"}, "apart": ["audio"]}, None),
        ({"prices": {"input": "2", "output": "8", "since": date(2027, 1, 1)}}, "no price is known"),
    ],
)
def test_model_without_a_price_is_known(facts, reason):
    """
    A price that is missing, or of tokens that the model may write, leaves the cost unknown.
    """
    known = None if facts is None else ModelFacts.model_validate(facts)

    no_price = worst_case(chat(), facts=known).no_price

    assert no_price is None if reason is None else reason in no_price


@pytest.mark.parametrize("kind", ["input", "cached_input", "cache_write", "cache_write_1h"])
@pytest.mark.parametrize("is_long", [False, True])
def test_dearest_kind_of_input_counts(kind, is_long):
    """
    All input may be written to a cache, or be read from it, at the price for long input.
    """
    row = {"input": "1", "cached_input": "1", "cache_write": "1", "cache_write_1h": "1", "output": "1"}
    row = {**row, "long_input": [{"tokens": 9, kind: "7"}]} if is_long else {**row, kind: "7"}

    worst = worst_case(chat(), facts=ModelFacts.model_validate({"prices": row}), counted=10)

    assert worst.dollars == Decimal(10 * 7 + 10) / 1_000_000


def test_price_after_the_hours_of_now_counts():
    """
    A call may end when the prices of these hours do not apply any more.
    """
    rows = [{"input": "9", "output": "9"}, {"input": "1", "output": "1", "hours": (time(6), time(18))}]

    worst = worst_case(chat(), facts=ModelFacts.model_validate({"prices": rows}), counted=10)

    assert worst.dollars == Decimal(20 * 9) / 1_000_000


def test_highest_price_of_the_next_day_counts():
    """
    A call may run past the hour or the day at which prices change, but prices of long ago do not count.
    """
    rows = [
        {"input": "90", "output": "90"},
        {"input": "1", "output": "1", "since": date(2026, 11, 1)},
        {"input": "3", "output": "3", "hours": (time(0), time(6))},
        {"input": "5", "output": "5", "since": date(2026, 11, 27)},
        {"input": "70", "output": "70", "since": date(2026, 11, 28)},
    ]

    worst = worst_case(chat(), facts=ModelFacts.model_validate({"prices": rows}), counted=10)

    assert worst.dollars == Decimal(20 * 5) / 1_000_000
