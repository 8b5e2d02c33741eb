from __future__ import annotations

import pytest

from budwood.types import ReplyHead
from budwood.wire.redirects import find_redirect


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://a.test/x/y", "../b", "https://a.test/b"),
        ("https://a.test/x", "https://b.test/", "https://b.test/"),
        ("http://a.test/x", "https://b.test/", "https://b.test/"),
        ("http://a.test/x", "//b.test/c", "http://b.test/c"),
    ],
)
def test_location_is_resolved(url, location, target):
    """
    It may be relative to the URL of the request.
    """
    assert find_redirect(url, ReplyHead(status=302, headers={"location": location})) == target


@pytest.mark.parametrize(("status", "headers"), [(200, {"location": "/b"}), (304, {"location": "/b"}), (302, {})])
def test_other_replies_redirect_nowhere(status, headers):
    """
    The status and the header are both needed.
    """
    assert find_redirect("https://a.test/", ReplyHead(status=status, headers=headers)) is None


@pytest.mark.parametrize("location", ["http://a.test/", "HTTP://a.test/", "ftp://a.test/"])
def test_tls_is_kept(location):
    """
    A redirect from HTTPS to another scheme is an error.
    """
    with pytest.raises(ValueError, match="without TLS"):
        find_redirect("HTTPS://a.test/", ReplyHead(status=301, headers={"location": location}))


def test_invalid_url_is_an_error():
    """
    The caller reports it as an error of the server.
    """
    with pytest.raises(ValueError, match="Invalid IPv6 URL"):
        find_redirect("https://a.test/", ReplyHead(status=302, headers={"location": "https://[a/"}))
