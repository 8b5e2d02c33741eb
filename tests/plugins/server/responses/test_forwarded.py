"""Requests of the Responses API to a vendor with the same API."""

from __future__ import annotations

from tests.plugins.server.responses.vendor import chat_reply, text_item, vendor_reply

EVERYTHING = {
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}},
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": "x", "id": "ctc_1"},
        {"type": "item_reference", "id": "msg_9"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]},
    ],
    "instructions": "",
    "temperature": 0,
    "top_p": 0,
    "top_logprobs": 0,
    "max_output_tokens": 16,
    "max_tool_calls": 0,
    "metadata": {"a": "b"},
    "include": ["message.output_text.logprobs"],
    "parallel_tool_calls": False,
    "prompt": {"id": "pmpt_1"},
    "prompt_cache_key": "k",
    "prompt_cache_retention": "24h",
    "reasoning": {"effort": "low", "summary": "auto"},
    "safety_identifier": "s",
    "service_tier": "flex",
    "store": False,
    "text": {"format": {"type": "json_object"}, "verbosity": "low"},
    "tools": [
        {"type": "web_search"},
        {"type": "custom", "name": "patch", "format": {"type": "text"}},
        {"type": "function", "name": "f", "parameters": None, "strict": True},
    ],
    "tool_choice": {"type": "web_search"},
    "truncation": "auto",
    "user": "u",
    "a_field_of_tomorrow": {"x": 0},
}


def test_everything_arrives_unchanged(post, vendor):
    """
    The vendor gets each field as it was sent; the reply is the vendor's, with an id of the gateway.
    """
    body = vendor_reply(text_item("Hello."), a_new_field=1)
    vendor.reply(body)

    reply = post({"model": "fast", **EVERYTHING})

    assert reply.status_code == 200, reply.text
    assert vendor.requests == [("POST", "/v1/responses", {"model": "gpt-5-mini", **EVERYTHING})]
    assert {**reply.json(), "id": body["id"]} == body
    assert "x-budwood-adaptations" not in reply.headers


def test_a_prompt_without_input(post, vendor):
    """
    A template of the vendor needs no input.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))

    assert post({"model": "fast", "prompt": {"id": "pmpt_1"}}).status_code == 200
    assert vendor.bodies[0] == {"model": "gpt-5-mini", "prompt": {"id": "pmpt_1"}}


def test_output_of_a_translated_reply_can_be_sent(post, vendor):
    """
    What this gateway has added is removed: another vendor's reasoning, and ids that no vendor knows.
    """
    vendor.reply(vendor_reply(text_item("Hello.")))
    items = [
        {"type": "reasoning", "id": "rs_bw1", "summary": [], "encrypted_content": "bwd1.WyJhIiwgMV0="},
        {"type": "function_call", "id": "fc_bw1", "call_id": "c", "name": "f", "arguments": "{}", "provider_data": "x"},
        {"type": "function_call_output", "call_id": "c", "output": "1"},
    ]

    assert post({"model": "fast", "input": items}).status_code == 200

    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    assert vendor.bodies[0]["input"] == [call, items[2]]


def test_a_stream(read_events, vendor, problems):
    """
    Text, reasoning with encrypted content, and items of built-in tools are streamed.
    """
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    search = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    citation = {"type": "url_citation", "url": "https://a.test", "title": "A", "start_index": 0, "end_index": 2}
    message = text_item("Hello.")
    message["content"][0]["annotations"] = [citation]
    place = {"item_id": "msg_1", "output_index": 2, "content_index": 0}
    vendor.reply(
        [
            {"type": "response.created", "response": vendor_reply(status="in_progress")},
            {"type": "response.output_item.added", "output_index": 0, "item": {**reasoning, "encrypted_content": None}},
            {"type": "response.output_item.done", "output_index": 0, "item": reasoning},
            {"type": "response.output_item.added", "output_index": 1, "item": {**search, "status": "in_progress"}},
            {"type": "response.output_item.done", "output_index": 1, "item": search},
            {"type": "response.output_item.added", "output_index": 2, "item": text_item("", content=[])},
            {"type": "response.output_text.delta", **place, "delta": "Hel"},
            {"type": "response.output_text.delta", **place, "delta": "lo."},
            {"type": "response.output_item.done", "output_index": 2, "item": message},
            {"type": "response.completed", "response": vendor_reply(reasoning, search, message)},
        ]
    )

    events = read_events({"model": "fast", "input": "Hi"})

    assert vendor.bodies == [{"model": "gpt-5-mini", "input": "Hi", "stream": True}]
    first, second, third = events[-1]["response"]["output"]
    assert first["encrypted_content"] == "gAAA"
    assert second == search
    assert (third["content"][0]["text"], third["content"][0]["annotations"]) == ("Hello.", [citation])
    assert [event["annotation"] for event in events if event["type"].endswith("annotation.added")] == [citation]
    assert [problem for event in events for problem in problems("ResponseStreamEvent", event)] == []


def test_fallbacks_to_other_apis_answer_only_what_can_be_translated(post, vendor):
    """
    A request that keeps nothing is translated for all; one with a tool of the vendor stays with its API.
    """
    error = {"error": {"message": "down", "type": "server_error"}}
    vendor.reply(error, 500)
    vendor.reply(chat_reply("From the fallback."))
    vendor.reply(error, 500)

    translated = post({"model": "mixed", "input": "Hi", "store": False})
    forwarded = post({"model": "mixed", "input": "Hi", "store": False, "tools": [{"type": "web_search"}]})

    assert translated.json()["output"][0]["content"][0]["text"] == "From the fallback."
    assert [path for _, path, _ in vendor.requests[1:]] == ["/v1/chat/completions", "/v1/responses"]
    assert forwarded.status_code == 502
