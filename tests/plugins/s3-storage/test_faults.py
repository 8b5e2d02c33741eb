"""Faults of the network and the server: what is repeated, and what errors say."""

from __future__ import annotations

import logging
import socket
import traceback

import pytest

from budwood.errors import ConfigurationError
from budwood_s3_storage.errors import S3StorageError
from tests.fault_proxy import cut_reply, cut_request, error_reply
from tests.s3 import make_dataset, make_rows

pytestmark = pytest.mark.real_server


def test_connection_cut_in_the_middle_of_a_put(make_storage, proxy):
    """
    A put whose connection was cut is repeated, and the part is stored once.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    proxy.fail("/parts/", cut_request)
    storage.put(make_rows(0, 1))

    assert proxy.count("PUT /datasets/test", "if-none-match") == 4  # two for the manifest, two for the part
    assert storage.finish(iter(make_rows(0, 1))) == 2
    assert make_storage().load(-1, 10) == make_rows(0, 1)


def test_put_can_be_repeated_after_an_error(make_storage, proxy):
    """
    If all attempts fail, `put` raises an error; the same batch can be delivered again later.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    proxy.fail("/parts/", cut_request, times=3)
    with pytest.raises(S3StorageError, match="Then resume the run"):
        storage.put(make_rows(0))
    storage.put(make_rows(0))

    assert storage.finish(iter(make_rows(0))) == 1


def test_description_that_was_not_stored_is_stored_later(make_storage, objects, proxy):
    """
    A part whose description could not be stored is recognized when the batch is delivered again.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    proxy.fail("/index/", error_reply(500, "InternalError"), times=3)
    with pytest.raises(S3StorageError):
        storage.put(make_rows(0))
    assert (len(objects.list("parts/")), objects.list("index/")) == (1, [])
    later = make_storage()
    later.begin(make_dataset())
    later.put(make_rows(0))

    assert later.finish(iter(make_rows(0))) == 1
    assert len(objects.list("parts/")) == 1


def test_slow_down_is_repeated(make_storage, proxy, delays):
    """
    A server that limits the rate is asked again after a delay; after all attempts the error says to wait.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    proxy.fail("/parts/", error_reply(503, "SlowDown", "Reduce your request rate."), times=2)
    storage.put(make_rows(0))
    assert len(delays) == 2

    proxy.fail("/parts/", error_reply(503, "SlowDown", "Reduce your request rate."), times=3)
    with pytest.raises(S3StorageError, match=r"SlowDown.*limits the rate.*wait a few minutes.*resume"):
        storage.put(make_rows(1))


def test_manifest_that_cannot_be_replaced(make_storage, proxy):
    """
    If `finish` cannot replace the manifest, readers see the old dataset; `finish` can be called again.
    """
    storage = make_storage(endpoint=proxy.endpoint)
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    storage.finish(iter(make_rows(0)))
    storage.put(make_rows(1))
    proxy.fail("/manifest.json", cut_request, times=3, skip=2)
    with pytest.raises(S3StorageError):
        storage.finish(iter(make_rows(0, 1)))

    assert make_storage().load(-1, 10) == make_rows(0)
    assert storage.finish(iter(make_rows(0, 1))) == 2
    assert make_storage().load(-1, 10) == make_rows(0, 1)


def test_reply_that_is_cut_is_read_again(make_storage, proxy):
    """
    A part whose content was cut is read again from its beginning; after all attempts there is an error.
    """
    storage = make_storage()
    storage.begin(make_dataset())
    storage.put(make_rows(*range(500)))
    storage.finish(iter(make_rows(*range(500))))
    reader = make_storage(endpoint=proxy.endpoint)
    proxy.fail("/parts/", cut_reply, times=2)
    assert reader.load(-1, 1000) == make_rows(*range(500))

    proxy.fail("/parts/", cut_reply, times=3)
    with pytest.raises(S3StorageError, match=r"Cannot read s3://datasets/.*/parts/"):
        reader.load(-1, 1000)


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (403, "RequestTimeTooSkewed", "clock of this machine is wrong"),
        (400, "ExpiredToken", "Renew the temporary credentials"),
        (507, "QuotaExceeded", "Free space in the bucket"),
        (500, "InternalError", "Check the server"),
    ],
)
def test_faults_that_pass(make_storage, proxy, status, code, hint):
    """
    Faults that need no change of the settings are S3StorageErrors, which say what to do before the run is resumed.
    """
    proxy.fail("GET", error_reply(status, code, "details"), times=9)
    with pytest.raises(S3StorageError, match=rf"{code} \(HTTP {status}\): details.*{hint}.*resume the run"):
        make_storage(endpoint=proxy.endpoint).begin(make_dataset())


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (403, "AccessDenied", "s3:GetObject"),
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        (400, "InvalidToken", "belongs to one key"),
        (400, "AuthorizationHeaderMalformed", "Set `region`"),
        (404, "NoSuchBucket", "Create the bucket"),
        (400, "KMS.NotFoundException", "Correct `kms_key_id`"),
        (403, "UnknownCode", "s3:GetObject"),
    ],
)
def test_faults_that_need_a_change(make_storage, proxy, status, code, hint):
    """
    Faults of the settings or permissions are ConfigurationErrors, which say what to change, and are not repeated.
    """
    proxy.fail("PUT", error_reply(status, code, "details"), times=9)
    with pytest.raises(ConfigurationError, match=rf"{code} \(HTTP {status}\): details.*{hint}"):
        make_storage(endpoint=proxy.endpoint).begin(make_dataset())

    assert proxy.count("PUT") == 1


def test_server_that_is_away(make_storage, delays):
    """
    If no server listens, requests are repeated, and the error names the setting.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(S3StorageError, match=r"Check `endpoint` and the network.*resume"):
            make_storage(endpoint=f"http://127.0.0.1:{free.getsockname()[1]}").begin(make_dataset())
    assert len(delays) == 2


def test_encryption_that_the_server_does_not_speak(make_storage, moto, delays):
    """
    If the server has no valid certificate, the error says which settings to check.
    """
    with pytest.raises(S3StorageError, match=r"Check the certificate of `endpoint`; AWS_CA_BUNDLE"):
        make_storage(endpoint=moto.endpoint.replace("http:", "https:")).begin(make_dataset())


def test_secrets_are_in_no_log(make_storage, caplog):
    """
    The client writes no debug messages, which contain session tokens, unless its logger is configured.
    """
    caplog.set_level(logging.DEBUG)
    secrets = {name: f"{name}-0123" for name in ("access_key_id", "secret_access_key", "session_token")}
    make_storage(**secrets).begin(make_dataset())

    assert [value for value in secrets.values() if value in caplog.text] == []


def test_secrets_are_in_no_error(make_storage, proxy):
    """
    Credentials of the settings that a server repeats in its message are removed, also from the traceback.
    """
    secrets = {name: f"{name}-0123" for name in ("access_key_id", "secret_access_key", "session_token")}
    proxy.fail("PUT", error_reply(403, "AccessDenied", " ".join(secrets.values())))
    storage = make_storage(endpoint=proxy.endpoint, **secrets)
    with pytest.raises(ConfigurationError) as raised:
        storage.begin(make_dataset())

    shown = "".join(traceback.format_exception(raised.value))
    assert [value for value in secrets.values() if value in shown] == []
    assert "*** *** ***" in shown


def test_keys_for_tests_do_not_hide_words(make_storage, proxy):
    """
    The keys of servers for tests are words such as "test", which are in other names as well.
    """
    keys = {"access_key_id": "test", "secret_access_key": "test"}
    proxy.fail("PUT", error_reply(403, "AccessDenied", "no test for you"))

    with pytest.raises(ConfigurationError, match="no test for you"):
        make_storage(endpoint=proxy.endpoint, **keys).begin(make_dataset())
