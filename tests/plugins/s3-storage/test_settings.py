"""The settings of the S3 storage."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from budwood_s3_storage import S3StorageSettings


@pytest.mark.parametrize(
    ("output", "bucket", "prefix"),
    [
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://bucket/a", "bucket", "a/"),
        ("s3://bucket/a/b c/", "bucket", "a/b c/"),
    ],
)
def test_output_is_bucket_and_prefix(output, bucket, prefix):
    """
    The output has a bucket, and may have a prefix.
    """
    settings = S3StorageSettings(output=output)

    assert (settings.bucket, settings.prefix) == (bucket, prefix)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"output": "gs://bucket/x"}, "s3://bucket/prefix"),
        ({"output": "s3:///x"}, "s3://bucket/prefix"),
        ({"output": "s3://key:hidden@bucket/x"}, "must not contain credentials"),
        ({"output": "s3://bucket/x?endpoint=hidden"}, "options of the server are settings"),
        ({"output": "s3://bucket/a//b"}, "must not contain //"),
        ({"endpoint": "s3.example.com"}, "https://host"),
        ({"endpoint": "https://host:99999"}, "https://host"),
        ({"endpoint": "https://key:hidden@host"}, "must not contain credentials"),
        ({"access_key_id": "hidden"}, "must be set together"),
        ({"session_token": "hidden"}, "session_token needs"),
        ({"access_key_id": "hidden", "secret_access_key": "hidden", "profile": "p"}, "mutually exclusive"),
        ({"kms_key_id": "k", "encryption": "AES256"}, "needs encryption"),
        ({"encryption": "none"}, "AES256"),
        ({"retries": -1}, "greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(values, message):
    """
    Settings that cannot work are refused with the reason, and without the value.
    """
    with pytest.raises(ValidationError, match=message) as raised:
        S3StorageSettings(**{"output": "s3://bucket/x", **values})

    assert "hidden" not in str(raised.value)
