"""A server that checks signatures and has no conditional PUT: OpenStack Swift."""

from __future__ import annotations

import json

import pytest

from budwood.errors import ConfigurationError, CredentialError
from budwood_s3_storage import S3StorageSettings
from budwood_s3_storage.storage import S3Storage
from budwood_testing import plugin_context
from tests.fault_proxy import FaultProxy
from tests.s3 import BUCKET, Objects, create_client, make_dataset, make_rows, settings_for

pytestmark = pytest.mark.real_server


@pytest.fixture
def make(swift, prefix):
    """
    Make storages for the same output.
    """
    created = []

    def make_storage(**changes):
        created.append(S3Storage(S3StorageSettings(**settings_for(swift, prefix, **changes)), plugin_context("s3")))
        return created[-1]

    yield make_storage
    for storage in created:
        storage.close()


def test_swift_has_no_conditional_put(make, swift, prefix, delays):
    """
    Swift answers 501 to the first request of a run; the dataset is complete, and the manifest says what guards it.
    """
    with FaultProxy(swift.endpoint) as proxy:
        storage = make(endpoint=proxy.endpoint)
        storage.begin(make_dataset())
        storage.put(make_rows(1, 0))
        storage.put(make_rows(1, 0))
        storage.finish(iter(make_rows(0, 1)))
        assert storage.load(-1, 10) == make_rows(0, 1)

        assert proxy.count("PUT", "if-none-match") == 1
    manifest = json.loads(Objects(create_client(swift), prefix).get("manifest.json"))
    assert manifest["single_writer"] == "lock of the run"
    assert delays == []


@pytest.mark.parametrize("key", [{"secret_access_key": "wrong-secret"}, {"access_key_id": "unknown:user"}])
def test_wrong_credentials(make, key):
    """
    A rejected signature raises an error that says which settings to check, and shows none of them.
    """
    storage = make(**key)
    with pytest.raises(ConfigurationError, match=r"SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY") as raised:
        storage.begin(make_dataset())

    assert not any(value in str(raised.value) for value in key.values())


def test_missing_bucket(make):
    """
    A bucket that does not exist raises an error that names it.
    """
    with pytest.raises(ConfigurationError, match=r"s3://no-such-bucket/x.*NoSuchBucket.*Create the bucket"):
        make(output="s3://no-such-bucket/x").begin(make_dataset())


def test_unsupported_encryption(make):
    """
    A server without encryption raises an error that names the setting.
    """
    with pytest.raises(ConfigurationError, match="Leave out `encryption`"):
        make(encryption="AES256").begin(make_dataset())


def test_credentials_of_the_environment(make, swift, monkeypatch):
    """
    Without credentials in the settings, those of the environment are used.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", swift.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", swift.secret_access_key)
    storage = make(access_key_id=None, secret_access_key=None)
    storage.begin(make_dataset())

    assert storage.finish(iter(make_rows(0))) == 1


def test_credentials_of_a_profile(make, swift, tmp_path, monkeypatch):
    """
    A profile has credentials in one file of AWS, and the endpoint and region in the other.
    """
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        f"[team]\naws_access_key_id = {swift.access_key_id}\naws_secret_access_key = {swift.secret_access_key}\n"
    )
    (folder / "config").write_text(f"[profile team]\nregion = us-east-1\nendpoint_url = {swift.endpoint}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    options = {"endpoint": None, "access_key_id": None, "secret_access_key": None, "path_style": True}
    storage = make(profile="team", **options)
    storage.begin(make_dataset())

    assert storage.finish(iter(make_rows(0))) == 1
    with pytest.raises(ConfigurationError, match=r"\(other\).*AWS_PROFILE"):
        make(profile="other", **options).begin(make_dataset())


def test_no_credentials(make):
    """
    Without credentials nothing is sent, and the error says where to set them.
    """
    with pytest.raises(CredentialError, match=r"no credentials.*Set AWS_ACCESS_KEY_ID"):
        make(access_key_id=None, secret_access_key=None).begin(make_dataset())


def test_names_with_any_characters(make, swift):
    """
    A prefix may contain spaces and any letters.
    """
    storage = make(output=f"s3://{BUCKET}/röws of 猫+%/x")
    storage.begin(make_dataset())
    storage.put(make_rows(0))
    storage.finish(iter(make_rows(0)))

    assert storage.load(-1, 1) == make_rows(0)
