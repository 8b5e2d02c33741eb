"""How a request is written for another endpoint than the one that it was meant for."""

import pytest

from budwood.engine.routing.portability import find_tie, move_request
from budwood.types import (
    OUTPUT_TOOL,
    ChatRequest,
    Message,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    VendorPart,
    VendorTool,
)


@pytest.fixture
def targets(make_asker):
    """
    Return an endpoint, and one of another plugin.
    """
    settings = {"providers": {"one": {"plugin": "openai-compatible", "base_url": "http://one/v1"}}}
    engine = make_asker(settings=settings).client._engine
    return engine.endpoints.find("one/m"), engine.endpoints.find("offline/extractive")


def always(_):
    """
    Every message comes from another endpoint.
    """
    return True


def never(_):
    """
    No message comes from another endpoint.
    """
    return False


def request(*messages, **fields):
    """
    Return a request with messages.
    """
    return ChatRequest(model="m", messages=messages, **fields)


def test_plain_request_is_unchanged(targets):
    """
    It is the same object.
    """
    plain = request(Message.system("Be brief."), Message.user("Hi"), Message.assistant("Hello"), Message.user("Bye"))

    assert move_request(plain, *targets, always) == (plain, ())


def test_signatures_and_vendor_content_are_left_out(targets):
    """
    An adaptation says so.
    """
    parts = (
        ReasoningPart(text="Hm.", provider="one", data={"signature": "x"}),
        VendorPart(provider="one", kind="search", data={}),
        TextPart(text="Hello", provider="one", data={"id": "msg_1"}),
    )

    moved, adaptations = move_request(
        request(Message.user("Hi"), Message(role="assistant", parts=parts)), *targets, always
    )

    assert moved.messages[1].parts == (TextPart(text="Hello"),)
    assert [(adaptation.parameter, adaptation.action) for adaptation in adaptations] == [("messages", "changed")]
    assert "only another endpoint accepts" in adaptations[0].reason


def test_message_without_remaining_parts_is_left_out(targets):
    """
    Vendors reject an empty message.
    """
    only_reasoning = Message(role="assistant", parts=(ReasoningPart(text="Hm.", provider="one", data={}),))

    moved, _ = move_request(request(Message.user("Hi"), only_reasoning, Message.user("Go on")), *targets, always)

    assert [message.role for message in moved.messages] == ["user", "user"]


def test_ids_of_tool_calls_are_numbered(targets):
    """
    In a form that the strictest vendor accepts, equal in the call and in its result.
    """
    calls = [ToolCallPart(id=f"toolu_{name}/x", name=name, provider="one", data={"signature": 1}) for name in "ab"]
    results = [ToolResultPart(call_id=call.id, name=call.name, content="1") for call in reversed(calls)]

    moved, _ = move_request(
        request(Message.user("Hi"), Message(role="assistant", parts=tuple(calls)), Message.tool(*results)),
        *targets,
        always,
    )

    assert [call.id for call in moved.messages[1].tool_calls] == ["call00001", "call00002"]
    assert [result.call_id for result in moved.messages[2].tool_results] == ["call00002", "call00001"]
    assert all(call.data is None for call in moved.messages[1].tool_calls)


def test_messages_of_the_endpoint_itself_are_kept(targets):
    """
    Its signatures are required for the next round of tools, and its ids stay as they are.
    """
    theirs, own = (ToolCallPart(id=name, name="f", provider=name, data={"signature": name}) for name in "ab")
    history = [Message.user("Hi")]
    for call in (theirs, own):
        result = ToolResultPart(call_id=call.id, name="f", content="1")
        history += [Message(role="assistant", parts=(call,)), Message.tool(result)]

    moved, _ = move_request(request(*history), *targets, lambda message: message is not history[3])

    assert moved.messages[1].tool_calls[0].id == moved.messages[2].tool_results[0].call_id == "call00001"
    assert moved.messages[3:] == tuple(history[3:])


def test_calls_of_the_output_tool_become_text(targets):
    """
    The other endpoint may request structured output in another way.
    """
    call = ToolCallPart(id="1", name=OUTPUT_TOOL, arguments='{"age": "x"}')
    other = ToolCallPart(id="2", name="look_up")
    results = [
        ToolResultPart(call_id=part.id, name=part.name, content=f"wrong {part.name}", is_error=True)
        for part in (call, other)
    ]

    moved, _ = move_request(
        request(Message.user("Hi"), Message(role="assistant", parts=(call, other)), Message.tool(*results)),
        *targets,
        always,
    )

    assert moved.messages[1].text == '{"age": "x"}'
    assert [call.name for call in moved.messages[1].tool_calls] == ["look_up"]
    assert [(message.role, message.text) for message in moved.messages[2:]] == [
        ("tool", ""),
        ("user", f"wrong {OUTPUT_TOOL}"),
    ]


def test_extra_goes_to_the_same_api_only(targets):
    """
    Its parameters belong to a vendor; an adaptation names each that was left out.
    """
    first, other = targets
    openai = first._replace(endpoint=first.endpoint._replace(plugin="openai"))

    same, none = move_request(request(Message.user("Hi"), extra={"x": 1}), first, openai, never)
    extra = {"x": 1, "max_completion_tokens": 7, "y": 2}
    moved, adaptations = move_request(request(Message.user("Hi"), extra=extra, max_tokens=7), first, other, always)

    assert (same.extra, none) == ({"x": 1}, ())
    assert moved.extra == {}
    assert [(adaptation.parameter, adaptation.action) for adaptation in adaptations] == [
        ("x", "dropped"),
        ("y", "dropped"),
    ]


FILE = VendorPart(provider="one", kind="input_file", data={"type": "input_file", "file_id": "file-1"})


@pytest.mark.parametrize(
    ("tied", "reason"),
    [
        (request(Message.user("Hi"), extra={"previous_response_id": "resp_1"}), "previous_response_id"),
        (request(Message.user("Hi"), extra={"tools": [{"vector_store_ids": ["vs_1"]}]}), "file"),
        (request(Message.user("Hi", FILE)), "file"),
        (request(Message.user("Hi"), vendor_tools=(VendorTool(provider="one", data={}),)), "vendor_tools"),
        (request(Message.user("Hi"), extra={"top_k": 3}), None),
        (request(Message.user("Hi"), Message(role="assistant", parts=(FILE,)), Message.user("Go on")), None),
        (None, None),
    ],
)
def test_stored_data_ties_a_request_to_its_endpoint(tied, reason):
    """
    Files, earlier responses and vendors' tools exist only there. What a model produced itself can be left out.
    """
    assert (find_tie(tied) is None) if reason is None else (reason in find_tie(tied))
