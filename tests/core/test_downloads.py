"""Downloads of results that vendors return as URLs."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from budwood.errors import BadResponseError, UnsupportedError
from budwood.wire import public_addresses
from tests.job_vendor import KEY, make_async_client, make_client
from tests.media_server import PNG, MediaServer, failure


@pytest.fixture
def storage():
    """
    Another host with the results of the vendor.
    """
    with MediaServer() as server:
        yield server


@pytest.fixture
def images(vendor, clock):
    """
    A client of the vendor.
    """
    with make_client(vendor.url, clock=clock) as client:
        yield client


@pytest.fixture
def all_public(monkeypatch):
    """
    Treat loopback as public.
    """
    monkeypatch.setattr(public_addresses, "is_public", lambda _address: True)


def refer_to(vendor, url):
    """
    Let the vendor return the URL of an image.
    """
    vendor.fault = lambda _, request: (
        (lambda handler: handler.send(200, {"data": [{"url": url}]})) if "images" in request.path else None
    )


def test_image_at_a_url_is_downloaded(vendor, images):
    """
    Its type is that of the content; the vendor's own host gets the key.
    """
    reply = images.image("A cat.")

    assert (reply.image.read(), reply.image.media_type, reply.image.url) == (PNG, "image/png", None)
    assert [attempt.status for attempt in reply.attempts] == [200, 200]
    assert vendor.requests[1].headers["authorization"] == f"Bearer {KEY}"


def test_async_client_downloads_images(vendor, clock):
    """
    It mirrors the blocking one.
    """

    async def main():
        async with make_async_client(vendor.url, clock=clock) as client:
            return await client.image("A cat.")

    assert asyncio.run(main()).image.read() == PNG


def test_url_is_kept_on_request(vendor, images):
    """
    Nothing is downloaded with ``download=False``.
    """
    reply = images.image("A cat.", download=False)

    assert reply.image.url == f"{vendor.origin}/v1/content/1.png"
    assert len(vendor.requests) == 1


@pytest.mark.usefixtures("all_public")
def test_other_host_gets_no_credential(vendor, images, storage):
    """
    Neither the key nor headers of the vendor's API are sent there.
    """
    refer_to(vendor, f"{storage.origin}/v1/content/1.png?signature=x")

    assert images.image("A cat.").image.read() == PNG
    (request,) = storage.requests
    assert request.path == "/v1/content/1.png?signature=x"
    assert KEY not in json.dumps(dict(request.headers))


@pytest.mark.usefixtures("all_public")
def test_redirect_to_another_host_gets_no_credential(vendor, images, storage):
    """
    The credential is for the vendor's own host, also after a redirect.
    """
    vendor.redirects = {
        "/v1/content/1.png": "/v1/content/2.png",
        "/v1/content/2.png": f"{storage.origin}/v1/content/3.png",
    }

    assert images.image("A cat.").image.read() == PNG
    assert [KEY in str(request.headers) for request in vendor.requests] == [True] * 3
    assert KEY not in str(storage.requests[0].headers)


def test_redirects_are_bounded(vendor, images):
    """
    After five the download fails, and the reply still has the URL.
    """
    vendor.redirects = {"/v1/content/1.png": "/v1/content/1.png"}

    reply = images.image("A cat.")

    assert reply.image.url == f"{vendor.origin}/v1/content/1.png"
    assert "more than 5 redirects" in reply.adaptations[0].reason
    assert vendor.count("GET /v1/content/1.png") == 6


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://localhost/x", "http://169.254.169.254/latest", "file:///etc/passwd"]
)
def test_addresses_of_this_network_are_not_fetched(vendor, images, url):
    """
    A vendor could otherwise read what only this machine can reach.
    """
    vendor.redirects = {"/v1/content/1.png": url}

    reply = images.image("A cat.")

    assert reply.image.url is not None
    assert "is not fetched" in reply.adaptations[0].reason


def test_failed_download_keeps_the_paid_result(vendor, images):
    """
    The URL remains, and an adaptation says why.
    """
    vendor.fault = lambda _, request: failure(404) if "content" in request.path else None

    reply = images.image("A cat.")

    assert reply.image.url == f"{vendor.origin}/v1/content/1.png"
    assert reply.adaptations[0].parameter == "download"
    assert KEY not in repr(reply)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://127.0.0.1:1/x.png"])
def test_saving_what_could_not_be_downloaded_names_its_url_and_the_reason(vendor, images, tmp_path, url):
    """
    The result is paid for, so that the error says where it is, and the old file stays.
    """
    refer_to(vendor, url)
    (tmp_path / "cat.png").write_bytes(PNG)

    reply = images.image("A cat.")

    with pytest.raises(BadResponseError, match="It is still at the vendor: ") as raised:
        reply.save(tmp_path / "cat.png")
    assert url in raised.value.message
    assert raised.value.message.count(reply.image.download_error) == 1
    assert (tmp_path / "cat.png").read_bytes() == PNG


def test_reading_what_was_not_to_be_downloaded_names_its_url(vendor, images):
    """
    It is at its URL, as asked for.
    """
    reply = images.image("A cat.", download=False)

    with pytest.raises(UnsupportedError, match=r"/v1/content/1\.png"):
        reply.image.read()


def test_videos_follow_redirects(vendor, clock):
    """
    Vendors move results to other paths, where the key is needed again.
    """
    vendor.redirects = {"/v1/videos/video_1/content": "/v1/videos/video_1/content?alt=media"}
    vendor.fault = lambda _, request: (
        vendor.redirects.clear() if request.path.endswith("alt=media") else None  # the second time it is the content
    )

    with make_client(vendor.url, clock=clock) as client:
        assert client.video("A cat.").video.read()

    assert all(KEY in str(request.headers) for request in vendor.requests)


def test_redirect_to_an_address_without_tls_is_refused(scripted, clock):
    """
    The result could be read or replaced on its way.
    """
    scripted.reply(body={"data": [{"url": "https://vendor.example/1.png"}]})
    scripted.reply(302, headers={"location": "http://vendor.example/1.png"})

    with make_client("https://vendor.example", transport=scripted, clock=clock) as client:
        reply = client.image("A cat.")

    assert reply.image.url == "https://vendor.example/1.png"
    assert "without TLS" in reply.adaptations[0].reason


@pytest.mark.parametrize("make", [make_client, make_async_client])
def test_host_whose_address_changes_after_the_check(vendor, storage, clock, monkeypatch, make):
    """
    A host could be public when it is checked, and be inside the network when it is connected to (DNS rebinding).
    """
    answers = iter(["127.0.0.2"])
    look_up = socket.getaddrinfo

    def rebind(host, port, *arguments, **named):
        if host == "storage.example":
            host = next(answers, "127.0.0.1")
        return look_up(host, port, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebind)
    monkeypatch.setattr(public_addresses, "is_public", lambda address: address == "127.0.0.2")
    refer_to(vendor, storage.origin.replace("127.0.0.1", "storage.example") + "/v1/content/1.png")

    async def generate():
        async with make(vendor.url, clock=clock) as client:
            return await client.image("A cat.", retries=0)

    if make is make_async_client:
        reply = asyncio.run(generate())
    else:
        with make(vendor.url, clock=clock) as client:
            reply = client.image("A cat.", retries=0)

    assert reply.image.url is not None
    assert storage.requests == []


@pytest.mark.parametrize("headers", [{}, {"content-type": "image/png"}, {"content-type": "text/html"}])
def test_page_in_place_of_an_image_is_no_result(scripted, clock, headers):
    """
    Its URL remains, whatever the headers say, since the result is paid for.
    """
    scripted.reply(body={"data": [{"url": "https://vendor.example/1.png"}]})
    scripted.reply(body=b"<!doctype html>Log in", headers=headers)

    with make_client("https://vendor.example", transport=scripted, clock=clock) as client:
        reply = client.image("A cat.")

    assert (reply.image.url, reply.image.data) == ("https://vendor.example/1.png", None)
    assert "its content is not image" in reply.adaptations[0].reason
