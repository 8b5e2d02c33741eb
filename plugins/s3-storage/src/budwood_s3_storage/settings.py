"""The settings."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

_SCHEME: Final = "s3://"


class S3StorageSettings(BaseModel):
    """
    Settings of the S3 storage.

    Credentials that are not set here come from the usual sources of AWS, in this order: the environment
    (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``), the profile in ``~/.aws/config`` and
    ``~/.aws/credentials``, the role of the container, the role of the instance.

    Attributes:
        output: The bucket and a prefix: ``s3://bucket/prefix``.
        endpoint: The address of another server than AWS: ``https://host[:port]``. Defaults to ``AWS_ENDPOINT_URL_S3``.
        region: The region of the bucket. Defaults to the environment, the profile, or ``us-east-1``.
        path_style: Whether the bucket is in the path of the requests, not in the host. By default it is if `endpoint`
            is set.
        profile: The profile in the configuration of AWS. Defaults to ``AWS_PROFILE``.
        access_key_id: The id of the access key.
        secret_access_key: The access key.
        session_token: The token of temporary credentials.
        encryption: How the server encrypts the objects: ``AES256`` or ``aws:kms``. Defaults to the bucket's setting.
        kms_key_id: The key for ``aws:kms``. Defaults to the key that AWS manages.
        retries: How often a failed request is repeated.
        timeout: Seconds to connect, and to wait for data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    output: str
    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    profile: str | None = None
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key_id: str | None = None
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    timeout: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 60.0

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self.output.removeprefix(_SCHEME).partition("/")[0]

    @property
    def prefix(self) -> str:
        """The beginning of all keys: empty, or a text that ends with a slash."""
        path = self.output.removeprefix(_SCHEME).partition("/")[2].strip("/")
        return f"{path}/" if path else ""

    @field_validator("output")
    @classmethod
    def _check_output(cls, output: str) -> str:
        bucket, _, prefix = output.removeprefix(_SCHEME).partition("/")
        if "@" in bucket:
            raise ValueError("must not contain credentials: use access_key_id and secret_access_key")
        if not output.startswith(_SCHEME) or not bucket:
            raise ValueError('must be "s3://bucket/prefix"')
        if "?" in output or "#" in output:
            raise ValueError("must not contain ? or #: options of the server are settings, such as endpoint and region")
        if "//" in prefix:
            raise ValueError("must not contain // after the bucket")
        return output

    @field_validator("endpoint")
    @classmethod
    def _check_endpoint(cls, endpoint: str | None) -> str | None:
        if endpoint is None:
            return None
        try:
            parts = urlsplit(endpoint)
            is_valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or True)
        except ValueError:
            is_valid = False
        if not is_valid:
            raise ValueError('must be "https://host[:port]"')
        if "@" in endpoint:
            raise ValueError("must not contain credentials: use access_key_id and secret_access_key")
        return endpoint

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key must be set together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token needs access_key_id and secret_access_key")
        if self.access_key_id is not None and self.profile is not None:
            raise ValueError("access_key_id and profile are mutually exclusive")
        if self.kms_key_id is not None and self.encryption != "aws:kms":
            raise ValueError('kms_key_id needs encryption = "aws:kms"')
        return self
