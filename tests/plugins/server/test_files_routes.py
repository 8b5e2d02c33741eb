"""The routes for files, with OpenAI's SDK, a gateway, and a vendor on loopback."""

from __future__ import annotations

import json

import httpx
import openai
import pytest

from tests.contract.sdk_media import PDF, json_reply, parse_sent
from tests.plugins.server.keys import TOKEN
from tests.plugins.server.media_fixtures import client, gateway, other_client, vendor, vendor_server
from tests.servers import reply

__all__ = ["client", "gateway", "other_client", "vendor", "vendor_server"]

OPENAI = {"budwood": {"provider": "openai"}}


def file_record(number, **fields):
    """
    Return a file as OpenAI documents it.
    """
    known = {"id": f"file-{number}", "object": "file", "bytes": len(PDF), "created_at": 1_700_000_000}
    return known | {"filename": "a.pdf", "purpose": "user_data", "status": "processed", "expires_at": None} | fields


def upload(vendor, client, number="1", **options):
    """
    Upload a file, which the vendor stores under a number.
    """
    vendor.play(json_reply(file_record(number)))
    options = {"purpose": "user_data", "extra_body": OPENAI} | options
    return client.files.create(file=("a.pdf", PDF, "application/pdf"), **options)


def test_file_has_a_whole_life(vendor, client):
    """
    A file is uploaded with purpose and expiry, read byte for byte, and deleted, by its public id.
    """
    stored = upload(vendor, client, "life", expires_after={"anchor": "created_at", "seconds": 3600})

    sent = {field.name: field for field in parse_sent(vendor.requests[0]).body}
    assert (sent["file"].filename, sent["file"].content_type, sent["file"].content) == ("a.pdf", "application/pdf", PDF)
    assert sent["expires_after[seconds]"].content == b"3600"
    assert sent["purpose"].content == b"user_data"
    assert set(sent) == {"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"}
    assert stored.id.startswith("file-")
    assert stored.id != "file-life"
    assert (stored.filename, stored.purpose, stored.bytes) == ("a.pdf", "user_data", len(PDF))

    vendor.play(json_reply(file_record("life", status="uploaded")))
    assert client.files.retrieve(stored.id).status == "uploaded"
    assert vendor.requests[1].line.startswith("GET /files/file-life ")

    vendor.play(reply(200, PDF, content_type="application/octet-stream"))
    assert client.files.content(stored.id).content == PDF

    vendor.play(json_reply({"id": "file-life", "object": "file", "deleted": True}))
    assert client.files.delete(stored.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(stored.id)


def test_another_key_gets_404_on_every_route(vendor, client, other_client):
    """
    A file of someone else does not exist, with its public id and with that of the vendor.
    """
    stored = upload(vendor, client, "mine")
    count = len(vendor.requests)

    for file_id in (stored.id, "file-mine"):
        for call in (other_client.files.retrieve, other_client.files.content, other_client.files.delete):
            with pytest.raises(openai.NotFoundError):
                call(file_id)
    assert stored.id not in [each.id for each in other_client.files.list()]
    with pytest.raises(openai.NotFoundError):
        other_client.files.list(after=stored.id)
    assert len(vendor.requests) == count


def test_list_has_pages_orders_and_purposes(vendor, client):
    """
    The files of the owner are listed without asking the vendor, the newest first.
    """
    ids = [upload(vendor, client, f"page{number}").id for number in range(3)]
    vision = upload(vendor, client, "page4", purpose="vision").id
    count = len(vendor.requests)

    page = client.files.list(limit=2)
    assert [each.id for each in page.data] == [vision, ids[2]]
    assert page.has_more
    assert [each.id for each in client.files.list(limit=2, after=ids[2]).data] == [ids[1], ids[0]]
    assert [each.id for each in client.files.list(purpose="vision").data] == [vision]
    listed = [each.id for each in client.files.list(order="asc", limit=2)]
    assert [each for each in listed if each in ids] == ids
    assert len(vendor.requests) == count


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "x"}, {"order": "up"}])
def test_invalid_page_is_named(gateway, query):
    """
    A page that is not valid is a 400 that names the parameter.
    """
    refused = httpx.get(f"{gateway}/files", params=query, headers={"authorization": f"Bearer {TOKEN}"})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, next(iter(query)))


def test_provider_must_be_named_if_there_are_several(vendor, client):
    """
    Without a name, a 400 says how to name one; an unknown one is refused.
    """
    for extra, code in (({}, "missing_provider"), ({"budwood": {"provider": "nope"}}, "unknown_provider")):
        with pytest.raises(openai.BadRequestError) as raised:
            client.files.create(file=("a.pdf", PDF), purpose="user_data", extra_body=extra)
        assert raised.value.code == code
        assert "openai" in raised.value.response.text
    assert vendor.requests == []


@pytest.mark.parametrize("where", ["header", "query"])
def test_provider_in_header_or_address(vendor, client, where):
    """
    The provider can be named in a header, or in the address.
    """
    option = {
        "header": {"extra_headers": {"x-budwood-provider": "openai"}},
        "query": {"extra_query": {"provider": "openai"}},
    }

    assert upload(vendor, client, where, extra_body=None, **option[where]).id


def test_missing_purpose_is_named(client, vendor):
    """
    An upload without purpose or with a wrong expiry is a 400 that names the field.
    """
    for options, param in (({"purpose": ""}, "purpose"), ({"expires_after": {"seconds": 0}}, "expires_after")):
        with pytest.raises(openai.BadRequestError) as raised:
            client.files.create(**{"file": ("a.pdf", PDF), "purpose": "user_data", "extra_body": OPENAI} | options)
        assert raised.value.param == param
    assert vendor.requests == []


def test_file_that_the_vendor_lost_is_forgotten(vendor, client):
    """
    Deleting a file that has expired at the vendor is a 404, and it is listed no more.
    """
    stored = upload(vendor, client, "lost")
    vendor.play(reply(404, json.dumps({"error": {"message": "No such File object."}})))

    with pytest.raises(openai.NotFoundError):
        client.files.delete(stored.id)

    assert stored.id not in [each.id for each in client.files.list()]


def test_chat_names_a_file_by_its_public_id(vendor, client, other_client):
    """
    The vendor gets its own id of the file; someone else cannot use it, by either id.
    """
    stored = upload(vendor, client, "chat")
    vendor.requests.clear()
    content = [{"type": "text", "text": "What is in it?"}, {"type": "file", "file": {"file_id": stored.id}}]
    message = {"role": "assistant", "content": "A tree."}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4.1-mini"}
    vendor.play(json_reply(body | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))

    options = {"model": "openai/gpt-4.1-mini", "messages": [{"role": "user", "content": content}]}
    assert client.chat.completions.create(**options).choices[0].message.content == "A tree."

    assert vendor.requests[0].json["messages"][0]["content"][1]["file"]["file_id"] == "file-chat"
    for file_id in (stored.id, "file-chat"):
        content[1]["file"]["file_id"] = file_id
        with pytest.raises(openai.NotFoundError):
            other_client.chat.completions.create(**options)
    assert len(vendor.requests) == 1


def test_escapes_hide_no_id(vendor, client, gateway):
    """
    An id is found however its field is written in JSON.
    """
    body = {
        "model": "openai/gpt-4.1-mini",
        "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}],
    }
    for name in ("file_id", "\\u0066ile_id", "file\\u005Fid"):
        content = json.dumps(body).replace("file_id", name).encode()
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        assert httpx.post(f"{gateway}/chat/completions", content=content, headers=headers).status_code == 404
    assert vendor.requests == []
