"""Replies with status 200 that contain an error raise that error, and do not blame base_url."""

from __future__ import annotations

import json

import pytest

from budwood.errors import AuthenticationError, BadResponseError, BudwoodError, ProviderError, RateLimitError
from budwood_testing import chat_reply
from tests.reports.compatible import KEY, ask, chunk, encode_event, open_client

MESSAGE = "balance used up"
FORMS = [
    pytest.param({"code": 1113, "msg": MESSAGE}, id="code and msg"),
    pytest.param({"code": "1113", "message": MESSAGE, "data": None}, id="code and message"),
    pytest.param({"choices": None, "base_resp": {"status_code": 1008, "status_msg": MESSAGE}}, id="base_resp"),
    pytest.param({"success": False, "message": MESSAGE}, id="success"),
    pytest.param({"success": False, "error": MESSAGE}, id="success and error"),
    pytest.param({"errors": [{"message": MESSAGE}]}, id="errors"),
    pytest.param({"errors": [MESSAGE]}, id="texts in errors"),
    pytest.param({"errors": {"detail": MESSAGE}}, id="object in errors"),
    pytest.param({"status": "error", "detail": MESSAGE}, id="status and detail"),
    pytest.param({"status": 500, "message": MESSAGE}, id="status as a number"),
    pytest.param({"choices": None, "error": {"message": MESSAGE}}, id="error beside null"),
    pytest.param({"choices": [], "error": MESSAGE}, id="error beside no choices"),
    pytest.param({"error": {"msg": MESSAGE}}, id="msg in error"),
    pytest.param({"error_code": 17, "error_msg": MESSAGE}, id="error_msg"),
    pytest.param({"detail": [{"msg": MESSAGE, "loc": ["body"]}]}, id="list of details"),
    pytest.param({"id": "x", "choices": [], "message": MESSAGE}, id="message beside an id"),
]


@pytest.mark.report("n8n-io/n8n#37959", outcome="mended")
@pytest.mark.parametrize("body", FORMS)
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_the_server_message_is_quoted(streamed, body, scripted, clock):
    """
    The error quotes the server's message, and its hint does not mention base_url.
    """
    if streamed:
        scripted.reply(200, chunks=[encode_event(body), b"data: [DONE]\n\n"])
    else:
        scripted.reply(200, body)

    with pytest.raises(ProviderError, match=MESSAGE) as caught:
        ask(scripted, clock, streamed=streamed)
    assert "base_url" not in str(caught.value) + str(caught.value.hint)


@pytest.mark.parametrize("body", FORMS)
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda client: client.embed(["Hello"], model="openai/text-embedding-3-small"), id="embed"),
        pytest.param(lambda client: client.moderate("Hello"), id="moderate"),
        pytest.param(lambda client: client.ask("Hello"), id="Responses"),
    ],
)
def test_other_services_quote_the_server_too(call, body, scripted, clock):
    """
    Embeddings, moderations and Responses raise the same error as chat.
    """
    scripted.reply(200, body)
    settings = {"providers": {"openai": {"api": "responses"}}}
    with (
        open_client(scripted, clock, "openai/gpt-4.1", settings=settings, api_key=KEY) as client,
        pytest.raises(ProviderError, match=MESSAGE),
    ):
        call(client)


@pytest.mark.parametrize(
    ("code", "expected"), [(401, AuthenticationError), ("429", RateLimitError), (1113, ProviderError)]
)
def test_a_status_in_the_body_decides_the_class(code, expected, scripted, clock):
    """
    An HTTP status inside the body decides the class of the error.
    """
    scripted.reply(200, {"code": code, "msg": "No."})

    with pytest.raises(expected):
        ask(scripted, clock)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"id": "x", "model": "m"}, {"code": 0, "msg": "ok"}], ids=str)
def test_a_reply_without_a_reason_is_quoted(body, scripted, clock):
    """
    If the server gives no reason, the error quotes the body.
    """
    scripted.reply(200, body)

    with pytest.raises(BadResponseError, match="no choices") as caught:
        ask(scripted, clock)
    assert json.dumps(body, separators=(",", ":"))[:5] in str(caught.value).replace(": ", ":")
    assert "base_url" not in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        {"base_resp": {"status_code": 0, "status_msg": ""}},
        {"code": 200, "msg": "success"},
        {"success": True, "message": "ok"},
        {"errors": None, "error": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("streamed", [False, True], ids=["at once", "streamed"])
def test_a_success_field_beside_a_reply_is_not_an_error(streamed, more, scripted, clock):
    """
    Some servers report success in a field of each reply; that is not an error.
    """
    if streamed:
        scripted.reply(200, chunks=map(encode_event, [chunk({"content": "Hi"}, **more), chunk({}, "stop", **more)]))
    else:
        scripted.reply(200, chat_reply("Hi") | more)

    assert ask(scripted, clock, streamed=streamed).text == "Hi"


def test_a_success_chunk_without_choices_is_not_an_error(scripted, clock):
    """
    MiniMax ends its streams with a chunk that reports success and has no choices.
    """
    last = {"id": "c", "choices": None, "base_resp": {"status_code": 0, "status_msg": "success"}}
    scripted.reply(200, chunks=map(encode_event, [chunk({"content": "Hi"}, "stop"), last]))

    assert ask(scripted, clock, streamed=True).text == "Hi"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_lost_previous_response_has_its_own_hint(api, scripted, clock):
    """
    If the server no longer has the previous response, the hint explains that.
    """
    error = {
        "message": "Previous response with id 'resp_1' not found.",
        "type": "invalid_request_error",
        "param": "previous_response_id",
        "code": "previous_response_not_found",
    }
    scripted.reply(404 if api == "responses" else 400, {"error": error})
    settings = {"providers": {"openai": {"api": "responses"}}}
    with (
        open_client(scripted, clock, "openai/gpt-4.1", settings=settings, api_key=KEY) as client,
        pytest.raises(BudwoodError) as caught,
    ):
        client.ask("Hello", extra={"previous_response_id": "resp_1"})

    assert "previous_response_id" in caught.value.hint
    assert "base_url" not in caught.value.hint
