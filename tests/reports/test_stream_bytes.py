"""Bytes of replies: characters, line ends, and keep-alives."""

from __future__ import annotations

import pytest

from budwood import BadResponseError
from budwood_testing import chat_reply
from tests.reports.wire import COMPATIBLE, VENDORS, chunk, encode_json, encode_sse, encode_texts


@pytest.mark.report("Soju06/codex-lb#1010", outcome="right")
@pytest.mark.parametrize("model", VENDORS)
def test_unicode_line_separators_inside_a_text_do_not_end_its_line(model, scripted, collect):
    """
    Only CR and LF end a line of a stream: U+2028, U+2029 and U+0085 are part of the text.
    """
    scripted.reply(200, chunks=[encode_texts(model, "one\u2028two\u2029", "three\u0085four")])

    assert collect(model).text == "one\u2028two\u2029three\u0085four"


@pytest.mark.report("langgenius/dify#39008", outcome="right")
def test_unicode_line_separators_inside_arguments_of_a_tool_are_part_of_them(scripted, collect):
    """
    The arguments of a streamed tool call may contain U+2028.
    """
    call = {"index": 0, "id": "c1", "function": {"name": "note", "arguments": '{"text": "a\u2028b"}'}}
    scripted.reply(200, chunks=[encode_sse(chunk({"tool_calls": [call]}), chunk({}, "tool_calls"))])

    response = collect(tools=[note], execute_tools=False)

    assert response.tool_calls[0].parse_arguments() == {"text": "a\u2028b"}


@pytest.mark.report("api7/aisix#111", outcome="right")
@pytest.mark.parametrize("model", VENDORS)
def test_characters_may_arrive_byte_by_byte(model, scripted, collect):
    """
    A character is decoded correctly if its bytes arrive in different chunks.
    """
    wire = encode_texts(model, "你好世界", " 🌍 修复方法")
    scripted.reply(200, chunks=[wire[at : at + 1] for at in range(len(wire))])

    assert collect(model).text == "你好世界 🌍 修复方法"


@pytest.mark.report("openai/openai-python#2722", outcome="right")
@pytest.mark.parametrize("filler", [b"retry: 3000\n\n", b"id: 7\n\n", b": ping\n\n", b"event: ping\n\n"])
def test_an_event_without_data_is_ignored(filler, scripted, collect):
    """
    Comments, and events without data, are skipped.
    """
    first, second = encode_sse(chunk({"content": "Hel"}), end=b""), encode_sse(chunk({"content": "lo"}, "stop"))
    scripted.reply(200, chunks=[filler, b"id: 1\n", first, filler, second])

    assert collect().text == "Hello"


@pytest.mark.report("AstrBotDevs/AstrBot#403", outcome="right")
@pytest.mark.parametrize("blank", [b"\n" * 40, b"\r\n\r\n", b" "])
def test_blank_lines_before_a_reply_are_skipped(blank, scripted, make_client):
    """
    Empty lines and spaces before a reply, which keep the connection alive, are skipped.
    """
    scripted.reply(200, chunks=[blank, blank, encode_json(chat_reply("Hello."))])

    assert make_client("deepseek/deepseek-chat").ask("Hi").text == "Hello."


@pytest.mark.report("bespokelabsai/curator#463", outcome="mended")
@pytest.mark.parametrize("body", [b"", b"\n\n\n"])
def test_a_reply_of_blank_lines_is_retried(body, scripted, make_client):
    """
    A reply of status 200 with an empty body is retried, and finally raises BadResponseError.
    """
    scripted.reply(200, body).reply(200, chat_reply("Hello."))
    client = make_client("deepseek/deepseek-chat", retries=1)

    assert client.ask("Hi").text == "Hello."

    scripted.reply(200, body).reply(200, body)
    with pytest.raises(BadResponseError, match="has status 200 and an empty body"):
        client.ask("Hi")


@pytest.mark.report("pydantic/pydantic-ai#164", outcome="right")
def test_a_first_chunk_without_choices_is_skipped(scripted, collect):
    """
    The first chunk of Azure, with the results of its content filter and no choice, is skipped.
    """
    safe = {"filtered": False, "severity": "safe"}
    filters = [{"prompt_index": 0, "content_filter_results": {"hate": safe, "violence": safe}}]
    first = {"id": "", "choices": [], "created": 0, "model": "", "object": "", "prompt_filter_results": filters}
    scripted.reply(200, chunks=[encode_sse(first, chunk({"content": "Hello."}), chunk({}, "stop"))])

    assert collect().text == "Hello."


@pytest.mark.report("ollama/ollama#4357", outcome="right")
def test_an_empty_finish_reason_does_not_end_the_stream(scripted, collect):
    """
    An empty `finish_reason` in a chunk does not end the reply.
    """
    chunks = [chunk({"role": "assistant", "content": text}, "") for text in (" if", " you", " have")]
    scripted.reply(200, chunks=[encode_sse(*chunks, chunk({"content": ""}, "stop"))])

    response = collect(COMPATIBLE)

    assert (response.text, response.finish_reason) == (" if you have", "stop")


def note(text: str) -> str:
    """
    Take a note.
    """
    return text
