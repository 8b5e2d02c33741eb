"""Usage and costs: repeated, early and late token counts."""

from __future__ import annotations

import pytest

from tests.reports.wire import (
    CLAUDE,
    CLAUDE_END,
    chunk,
    encode_named_sse,
    encode_sse,
    make_claude_reply,
    make_claude_start,
    make_claude_text,
    weather,
)


@pytest.mark.report("langchain-ai/langchainjs#10249", outcome="right")
def test_cumulative_counts_are_not_added(scripted, collect):
    """
    Anthropic repeats cumulative counts in message_delta: they are counted once.
    """
    cached = {"input_tokens": 4, "cache_read_input_tokens": 2455, "cache_creation_input_tokens": 120}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {**cached, "output_tokens": 23}}
    events = [*make_claude_start(**cached), make_claude_text("Hi."), CLAUDE_END[0], delta, CLAUDE_END[2]]
    scripted.reply(200, chunks=[encode_named_sse(*events)])

    usage = collect(CLAUDE).usage

    assert (usage.input_tokens, usage.output_tokens) == (4 + 2455 + 120, 23)
    assert (usage.uncached_input_tokens, usage.cache_read_tokens, usage.cache_write_tokens) == (4, 2455, 120)


@pytest.mark.report("maximhq/bifrost#5354", outcome="right")
def test_the_last_counts_replace_the_first(scripted, collect):
    """
    The counts of message_delta replace those of message_start.
    """
    usage = {"input_tokens": 18, "output_tokens": 426, "cache_creation_input_tokens": 0}
    usage |= {"cache_read_input_tokens": 8831, "cache_creation": {"ephemeral_5m_input_tokens": 0}}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    start = make_claude_start(input_tokens=8834, output_tokens=0)
    scripted.reply(200, chunks=[encode_named_sse(*start, make_claude_text("Hi."), CLAUDE_END[0], delta, CLAUDE_END[2])])

    usage = collect(CLAUDE).usage

    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (8849, 8831, 426)


@pytest.mark.report("BerriAI/litellm#11789", outcome="right")
def test_a_streamed_reply_has_the_same_cost(scripted, make_client, collect):
    """
    Cached input has the price of cached input, streamed or not.
    """
    counts = {"input_tokens": 4, "cache_read_input_tokens": 2455, "cache_creation_input_tokens": 0}
    delta = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 23}}
    events = [*make_claude_start(**counts), make_claude_text("Hi."), CLAUDE_END[0], delta, CLAUDE_END[2]]
    scripted.reply(200, make_claude_reply({"type": "text", "text": "Hi."}, usage={**counts, "output_tokens": 23}))
    scripted.reply(200, chunks=[encode_named_sse(*events)])

    at_once = make_client(CLAUDE).ask("Hello")
    streamed = collect(CLAUDE)

    assert streamed.cost == at_once.cost is not None
    assert streamed.usage.cache_read_tokens == at_once.usage.cache_read_tokens == 2455


@pytest.mark.report("BerriAI/litellm#25389", outcome="right")
def test_usage_after_the_finish_reason_is_read(scripted, collect):
    """
    The counts in a last chunk without choices, as vLLM sends it, are read.
    """
    last = {"choices": [], "usage": {"prompt_tokens": 26, "completion_tokens": 9, "total_tokens": 35}}
    scripted.reply(200, chunks=[encode_sse(chunk({"content": "Hi."}), chunk({"content": ""}, "stop"), last)])

    usage = collect().usage

    assert (usage.input_tokens, usage.output_tokens) == (26, 9)


@pytest.mark.report("rashidrazak/opencode-cmd-provider#213", outcome="right")
def test_usage_in_every_chunk_does_not_end_the_reply(scripted, collect):
    """
    Chunks with counts may be followed by content; the last counts are returned.
    """

    def counted(number, delta, reason=None):
        return chunk(delta, reason, usage={"prompt_tokens": 10, "completion_tokens": number})

    call = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"city"', ': "Oslo"}')]
    deltas = [{"reasoning_content": "Let"}, {"reasoning_content": " me"}, {"content": "", "tool_calls": [call]}]
    deltas += [{"tool_calls": [piece]} for piece in rest]
    chunks = [counted(number, delta) for number, delta in enumerate(deltas, 1)]
    scripted.reply(200, chunks=[encode_sse(*chunks, counted(14, {}, "tool_calls"))])

    response = collect(tools=[weather], execute_tools=False)

    assert response.reasoning == "Let me"
    assert [(call.name, call.parse_arguments()) for call in response.tool_calls] == [("weather", {"city": "Oslo"})]
    assert (response.usage.input_tokens, response.usage.output_tokens) == (10, 14)
