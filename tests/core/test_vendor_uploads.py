"""Files that are uploaded to each vendor that stores them."""

from __future__ import annotations

import pytest

from budwood import Client, Document, Message
from budwood.errors import UnsupportedError
from budwood_testing import FakeClock, ScriptedTransport
from tests.media import make_pdf

GOOGLE = "https://generativelanguage.googleapis.com"
ROW = {"id": "file-1", "object": "file", "filename": "a.pdf", "status": "processed"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "A page"}, "finish_reason": "stop"}
CHAT = {"id": "c", "model": "m", "choices": [CHOICE]}
REPLIES = {
    "mistral/mistral-large-latest": CHAT,
    "openai/gpt-5.1": CHAT,
    "azure/gpt-5.1": CHAT,
    "anthropic/claude-sonnet-4-5": {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "A page"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
    "gemini/gemini-3.8-flash": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "A page"}]}, "finishReason": "STOP"}]
    },
}
"""The reply to a question about a document, of each vendor whose requests refer to stored files."""


def make_client(model, transport, **options):
    """
    Create a client of a vendor.
    """
    base_url = "https://r.openai.azure.com" if model.startswith("azure/") else None
    known = {"transport": transport, "clock": FakeClock(), "cache": False, "retries": 0}
    return Client(model, api_key="sk-test-secret", **({"base_url": base_url} if base_url else {}), **known, **options)


def script_upload(model):
    """
    Return a transport with the replies to an upload.
    """
    if not model.startswith("gemini/"):
        return ScriptedTransport().reply(200, ROW)
    row = {"name": "files/file-1", "uri": f"{GOOGLE}/v1beta/files/file-1", "state": "ACTIVE"}
    started = ScriptedTransport().reply(200, headers={"x-goog-upload-url": f"{GOOGLE}/upload/v1beta/files?upload_id=x"})
    return started.reply(200, {"file": row}, headers={"x-goog-upload-status": "final"})


@pytest.mark.parametrize("model", REPLIES)
def test_documents_are_uploaded_to_each_vendor(model):
    """
    A vendor without a choice of the expiry stores them too, and no parameter of the caller's was adapted.
    """
    transport = script_upload(model).reply(200, REPLIES[model])
    with make_client(model, transport, on_unsupported="error") as client:
        reply = client.ask("What is this?", files=[make_pdf()], upload="always")

    assert (reply.text, reply.adaptations) == ("A page", ())
    assert b"file-1" in bytes(transport.bodies[-1])


@pytest.mark.parametrize("is_part", [False, True])
@pytest.mark.parametrize("model", REPLIES)
def test_uploaded_files_have_an_extension(model, is_part):
    """
    Vendors recognize the type of a file by its name, which content in memory does not have.
    """
    transport = script_upload(model).reply(200, REPLIES[model])
    with make_client(model, transport) as client:
        if is_part:
            document = Document(data=make_pdf(), media_type="application/pdf")
            client.ask(Message.user("?", document), upload="always")
        else:
            client.files.upload(make_pdf())

    assert (b'"document.pdf"' if is_part else b'"file 1.pdf"') in bytes(transport.bodies[0])


@pytest.mark.parametrize("model", ["mistral/mistral-large-latest", "gemini/gemini-3.8-flash"])
def test_expiry_that_a_vendor_lacks_is_reported(model):
    """
    The file is stored, and its record names what was not sent; a strict client raises instead.
    """
    with make_client(model, script_upload(model)) as client:
        info = client.files.upload(make_pdf(), expires_after=7200)

    assert [(one.parameter, one.action) for one in info.adaptations] == [("expires_after", "dropped")]
    with (
        make_client(model, script_upload(model), on_unsupported="error") as client,
        pytest.raises(UnsupportedError, match="expires_after"),
    ):
        client.files.upload(make_pdf(), expires_after=7200)
