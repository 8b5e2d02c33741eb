"""Batches of Groq."""

from __future__ import annotations

import json

from budwood.types import BatchInput, ChatRequest, Message
from budwood.wire.uploads import read_body


def test_line_is_in_openais_form(groq):
    """
    Its path is that of OpenAI, whatever the address of the API.
    """
    provider = groq()
    request = ChatRequest(model="llama-3.3-70b-versatile", messages=(Message.user("Hi"),))
    line = json.loads(read_body(provider.encode_batch_line("0-a", provider.encode(request, stream=False))))

    assert line["url"] == "/v1/chat/completions"
    assert line["body"]["messages"] == [{"role": "user", "content": "Hi"}]


def test_limits_are_those_of_the_documentation(groq):
    """
    A batch has at most 50,000 lines and 100 MB.
    """
    limits = groq().batch_limits("llama-3.3-70b-versatile")

    assert (limits.requests, limits.bytes) == (50_000, 100_000_000)


def test_file_is_uploaded_and_the_batch_created_once(groq, tmp_path):
    """
    The creation may not be repeated after an ambiguous failure; the upload may.
    """
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b"{}\n")
    url = "https://api.groq.com/openai/v1/chat/completions"
    steps = groq().submit_batch(BatchInput(id="i", model="a", url=url, path=path, count=1, size=3))
    upload = next(steps)

    assert (upload.url, upload.repeatable) == ("https://api.groq.com/openai/v1/files", True)
    assert b"{}\n" in read_body(upload.body)
