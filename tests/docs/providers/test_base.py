"""A provider on the helper base."""

from __future__ import annotations

import base64

import pytest

from budwood.errors import (
    CapacityError,
    ContextLengthError,
    UnsupportedError,
)
from budwood.providing import BaseProvider
from budwood.types import ImagePart, Message
from tests.docs.providers.conftest import ANSWERS, PNG, SECRET, STREAMS, encode_line
from tests.media import make_png


def test_the_example_uses_the_helper_base(installed):
    """
    Its class inherits from BaseProvider.
    """
    assert issubclass(installed("seer").Seer, BaseProvider)


def test_parameters_are_merged_in_order(asking, scripted):
    """
    The caller's values override the catalog's, these override the instance's, and `extra` overrides all.
    """
    settings = {
        "providers": {"seer": {"safety": "strict"}, "mild": {"plugin": "seer", "api_key": SECRET, "safety": "mild"}},
        "models": {"seer/seer-2": {"defaults": {"safety": "none", "heat": 1.5}}},
    }
    for _ in range(5):
        scripted.reply(200, ANSWERS["seer"])
    with asking("seer", settings=settings) as client:
        client.ask("Hi")
        client.ask("Hi", model="mild/seer-1")
        client.ask("Hi", model="seer/seer-2")
        client.ask("Hi", model="seer/seer-2", temperature=0.5, max_tokens=9)
        client.ask("Hi", model="seer/seer-2", temperature=0.5, extra={"heat": 2, "safety": "off"})

    sent = [
        {key: scripted.sent(n).get(key) for key in ("safety", "heat", "longest") if key in scripted.sent(n)}
        for n in range(5)
    ]
    assert sent == [
        {"safety": "strict"},
        {"safety": "mild"},
        {"safety": "none", "heat": 1.5},
        {"safety": "none", "heat": 0.5, "longest": 9},
        {"safety": "off", "heat": 2},
    ]


def test_images_are_encoded_in_the_vendors_form(asking, scripted, tmp_path):
    """
    A file, bytes and a data URL become pieces of the turn.
    """
    (tmp_path / "photo.png").write_bytes(make_png())
    scripted.reply(200, ANSWERS["seer"]).reply(200, ANSWERS["seer"])
    with asking("seer") as client:
        client.ask("What is it?", files=[tmp_path / "photo.png"])
        client.ask(Message.user("And this?", PNG, ImagePart(url=PNG.data_url)))

    from_file = scripted.sent(0)["turns"][0]["pieces"]
    assert {"image": base64.b64encode(make_png()).decode(), "kind": "image/png"} in from_file
    assert scripted.sent()["turns"][0]["pieces"][1:] == [{"image": "iVBORw==", "kind": "image/png"}] * 2


def test_images_by_url_are_rejected_before_sending(asking, scripted):
    """
    The vendor accepts only images that are part of the request.
    """
    with asking("seer") as client, pytest.raises(UnsupportedError, match="does not load images"):
        client.ask(Message.user("What is it?", ImagePart(url="https://example.com/a.png")))
    assert scripted.calls == []


def test_a_model_that_does_not_chat_is_rejected_before_sending(asking, scripted):
    """
    A row of the catalog says that the model does not support chat, and so does the error.
    """
    settings = {"models": {"seer/seer-paints": {"lacks": ["chat"]}}}
    with asking("seer", settings=settings) as client, pytest.raises(UnsupportedError, match="seer/seer-paints"):
        client.ask("Hi", model="seer/seer-paints")
    assert scripted.calls == []


def test_a_prompt_that_cannot_fit_is_rejected_before_sending(asking, scripted):
    """
    Messages are not sent if the lower bound of their estimate exceeds the window; a longer window accepts them.
    """
    story = "once upon a time " * 6_000
    scripted.reply(200, ANSWERS["seer"])
    with asking("seer") as client:
        with pytest.raises(ContextLengthError, match="8,000") as caught:
            client.ask(story)
        assert caught.value.attempts == ()
        assert client.ask(story, model="seer/seer-1-long").text == "Hello"
    assert len(scripted.calls) == 1


def test_tools_are_called_and_answered(asking, scripted):
    """
    Calls and results are encoded in the vendor's form, streamed or not.
    """

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"rain in {city}"

    call = {"call": "c1", "tool": "weather", "with": '{"city": "Oslo"}'}
    scripted.reply(200, {**ANSWERS["seer"], "pieces": [call], "ended": "calls"}).reply(200, ANSWERS["seer"])
    scripted.reply(200, chunks=[encode_line(id="t", piece=call), encode_line(ended="calls")]).reply(
        200, chunks=STREAMS["seer"]
    )
    with asking("seer") as client:
        reply = client.ask("Weather?", tools=[weather], tool_choice="required")
        with client.stream("Weather?", tools=[weather]) as stream:
            list(stream)

    assert (reply.text, stream.response.text) == ("Hello", "Hello")
    for number in (1, 3):
        assert [turn["pieces"] for turn in scripted.sent(number)["turns"][1:]] == [
            [call],
            [{"result_of": "c1", "text": "rain in Oslo"}],
        ]
    assert [adaptation.parameter for adaptation in reply.adaptations] == ["tool_choice"]


@pytest.mark.parametrize(("code", "kind"), [("too-long", ContextLengthError), ("busy", CapacityError)])
def test_a_problem_inside_a_200_is_an_error(asking, scripted, code, kind):
    """
    Errors are classified in complete replies and in streams.
    """
    body = {"problem": {"code": code, "text": "Sorry."}}
    scripted.reply(200, body).reply(200, chunks=[encode_line(**body)])
    with asking("seer", retries=0) as client:
        with pytest.raises(kind, match="Sorry"):
            client.ask("Hi")
        with client.stream("Hi") as stream, pytest.raises(kind, match="Sorry"):
            list(stream)


def test_the_vendors_parameter_names_are_translated(asking, scripted):
    """
    A rejection of ``heat`` teaches that the model rejects the temperature.
    """
    problem = {"problem": {"code": "unknown-field", "about": "heat", "text": "There is no heat."}}
    scripted.reply(422, problem).reply(200, ANSWERS["seer"]).reply(200, ANSWERS["seer"])
    with asking("seer") as client:
        replies = [client.ask("Hi", temperature=0.5) for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [adaptation.parameter for adaptation in replies[1].adaptations] == ["temperature"]
    assert "heat" not in scripted.sent()
