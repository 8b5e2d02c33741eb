"""Fragments of streamed tool calls are joined to complete calls, however a server numbers and splits them."""

from __future__ import annotations

import json

import pytest

from tests.reports.compatible import OSLO, ROME, ask, chunk, events, make_tool_call_reply, tool_call, weather

BOTH = [("weather", OSLO), ("weather", ROME)]
ONE = [("weather", OSLO)]


def get_time() -> str:
    """
    Tell the time.
    """
    return "noon"


def make_fragment(arguments=None, name=None, **fields):
    """
    Return a fragment of a call, without the fields that are None.
    """
    function = {"name": name, "arguments": arguments}
    return {"function": {key: value for key, value in function.items() if value is not None}, **fields}


def read_streamed_calls(scripted, clock, *fragments, tools=(weather,)):
    """
    Stream one fragment per chunk, and return the calls of the response.
    """
    scripted.reply(200, chunks=events(*(chunk({"tool_calls": [one]}) for one in fragments), chunk({}, "tool_calls")))
    response = ask(scripted, clock, streamed=True, tools=list(tools), execute_tools=False)
    assert len({call.id for call in response.tool_calls} - {""}) == len(response.tool_calls)
    return [(call.name, call.arguments) for call in response.tool_calls]


@pytest.mark.report("NousResearch/hermes-agent#62940", outcome="mended")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([{"index": 0}, {"index": 0}], id="no ids"),
        pytest.param([{"index": 0, "id": ""}, {"index": 0, "id": ""}], id="empty ids"),
        pytest.param([{"index": 0, "id": None}, {"index": 0, "id": None}], id="ids of null"),
        pytest.param([{"index": 0, "id": "a"}, {"index": 0, "id": "a"}], id="one id twice"),
        pytest.param([{"index": 0, "id": "a"}, {"index": 1, "id": "a"}], id="one id under two indexes"),
        pytest.param([{"index": 0, "id": "a"}, {"index": 0, "id": "b"}], id="two ids under one index"),
        pytest.param([{"id": "a"}, {"id": "a"}], id="one id and no index"),
        pytest.param([{}, {}], id="neither"),
        pytest.param([{"index": "0"}, {"index": "1"}], id="indexes as texts"),
        pytest.param([{"index": 0.0}, {"index": 1.0}], id="indexes as decimals"),
        pytest.param([{"index": None}, {"index": None}], id="indexes of null"),
        pytest.param([{"id": 1}, {"id": 2}], id="ids as numbers"),
    ],
)
@pytest.mark.parametrize("cut", [False, True], ids=["complete", "in parts"])
def test_two_calls_of_one_tool_remain_two(fields, cut, scripted, clock):
    """
    Parallel calls of a tool with the same index or id are separated when the arguments are complete.
    """
    fragments = []
    for arguments, own in zip((OSLO, ROME), fields, strict=True):
        if cut:
            head = make_fragment(arguments[:9], "weather", **own)
            fragments += [head, make_fragment(arguments[9:], **{name: own[name] for name in own if name == "index"})]
        else:
            fragments.append(make_fragment(arguments, "weather", **own))

    assert read_streamed_calls(scripted, clock, *fragments) == BOTH


@pytest.mark.parametrize("named", [False, True], ids=["name once", "name in each"])
@pytest.mark.parametrize("index", [{"index": 0}, {}], ids=["with an index", "without one"])
def test_a_new_id_in_each_fragment_is_one_call(named, index, scripted, clock):
    """
    A new id starts a new call only if the arguments before it are complete.
    """
    parts = ['{"ci', 'ty": ', '"Oslo"}']
    fragments = [
        make_fragment(part, "weather" if named or not number else None, id=f"id_{number}", **index)
        for number, part in enumerate(parts)
    ]

    assert read_streamed_calls(scripted, clock, *fragments) == ONE


@pytest.mark.parametrize("ids", [[None, None, None], ["a", None, None], ["a", "a", "a"]], ids=str)
@pytest.mark.parametrize("names", [("wea", "ther"), ("we", "at", "her"), ("wea", "weather")], ids=str)
def test_parts_of_a_name_are_joined(names, ids, scripted, clock):
    """
    Parts of a name are joined; a name of another tool of the request starts a new call.
    """
    fragments = [
        make_fragment("", name, index=0, **({"id": own} if own else {})) for name, own in zip(names, ids, strict=False)
    ]

    assert read_streamed_calls(scripted, clock, *fragments, make_fragment(OSLO, index=0)) == ONE


def test_parts_of_a_name_are_joined_before_a_second_call(scripted, clock):
    """
    With one index, a complete call ends before the next name.
    """
    fragments = [
        make_fragment("", "wea", index=0),
        make_fragment("", "ther", index=0),
        make_fragment(OSLO, index=0),
        make_fragment("", "wea", index=0),
        make_fragment(ROME, "ther", index=0),
    ]

    assert read_streamed_calls(scripted, clock, *fragments) == BOTH


def test_calls_without_arguments_are_separated_by_their_names(scripted, clock):
    """
    The name of another tool starts a new call, even if the first has no arguments yet.
    """
    fragments = [make_fragment("", "get_time", index=0), make_fragment(OSLO, "weather", index=0)]

    assert read_streamed_calls(scripted, clock, *fragments, tools=(get_time, weather)) == [("get_time", ""), *ONE]


@pytest.mark.parametrize("own", [{"index": 0}, {"index": 0, "id": "a"}], ids=["no id", "one id"])
def test_a_repeated_name_does_not_start_a_call(own, scripted, clock):
    """
    Some servers repeat the id and the name in each fragment; that does not start a new call.
    """
    parts = ["", OSLO[:5], OSLO[5:], ""]

    assert read_streamed_calls(scripted, clock, *(make_fragment(part, "weather", **own) for part in parts)) == ONE


def test_fragments_without_id_and_name_belong_to_one_call(scripted, clock):
    """
    A fragment without id and name belongs to the previous call, whatever its index.
    """
    fragments = [
        make_fragment("", "weather", index=0, id="a"),
        make_fragment(OSLO[:5], index=1),
        make_fragment(OSLO[5:], index=2),
    ]

    assert read_streamed_calls(scripted, clock, *fragments) == ONE


def test_an_empty_object_before_the_arguments_is_a_placeholder(scripted, clock):
    """
    If a call starts with the arguments ``{}``, the following arguments replace them.
    """
    fragments = [
        make_fragment("{}", "weather", index=0, id="a"),
        make_fragment(OSLO[:5], index=0),
        make_fragment(OSLO[5:], index=0),
    ]

    assert read_streamed_calls(scripted, clock, *fragments) == ONE


def test_interleaved_fragments_find_their_calls_by_id(scripted, clock):
    """
    Interleaved fragments with one index are assigned by their ids.
    """
    fragments = [
        make_fragment(OSLO[:5], "weather", index=0, id="a"),
        make_fragment(ROME[:5], "weather", index=0, id="b"),
        make_fragment(OSLO[5:], index=0, id="a"),
        make_fragment(ROME[5:], index=0, id="b"),
    ]

    assert read_streamed_calls(scripted, clock, *fragments) == BOTH


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param({"name": "weather", "arguments": OSLO}, OSLO, id="no function around them"),
        pytest.param(
            {"function": {"name": "weather", "parameters": {"city": "Oslo"}}}, '{"city":"Oslo"}', id="parameters"
        ),
        pytest.param({"function": {"name": "weather", "arguments": {"city": "Oslo"}}}, '{"city":"Oslo"}', id="object"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_name_and_arguments_may_be_in_other_places(call, expected, streamed, scripted, clock):
    """
    Names and arguments outside of `function` are read, with and without streaming.
    """
    if streamed:
        assert read_streamed_calls(scripted, clock, call) == [("weather", expected)]
        return
    scripted.reply(200, make_tool_call_reply(call))
    response = ask(scripted, clock, tools=[weather], execute_tools=False)
    assert [(one.name, one.arguments) for one in response.tool_calls] == [("weather", expected)]


@pytest.mark.parametrize("calls", [{"tool_calls": tool_call()}, {"tool_calls": [None, tool_call()]}], ids=str)
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_a_single_call_and_null_are_read(calls, streamed, scripted, clock):
    """
    A single call instead of a list is read, and null in the list is ignored.
    """
    if streamed:
        scripted.reply(200, chunks=events(chunk(calls), chunk({}, "tool_calls")))
    else:
        body = make_tool_call_reply()
        body["choices"][0]["message"] |= calls
        scripted.reply(200, body)

    response = ask(scripted, clock, streamed=streamed, tools=[weather], execute_tools=False)
    assert [json.loads(call.arguments) for call in response.tool_calls] == [{"city": "Oslo"}]


def test_one_id_for_two_calls_of_a_complete_reply(scripted, clock):
    """
    The second call with the same id gets a new id, so that each result belongs to one call.
    """
    scripted.reply(200, make_tool_call_reply(tool_call(), tool_call(ROME))).reply(
        200, make_tool_call_reply(content="Rain.")
    )
    ask(scripted, clock, tools=[weather])

    _, calls, *results = scripted.sent()["messages"]
    assert [call["id"] for call in calls["tool_calls"]] == [result["tool_call_id"] for result in results]
    assert [result["content"] for result in results] == ["rain in Oslo", "rain in Rome"]
    assert len({result["tool_call_id"] for result in results}) == 2
