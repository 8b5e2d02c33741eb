"""The object store: creating, replacing and reading objects below a prefix."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError

from budwood_s3_storage.errors import (
    ConditionalPutUnsupportedError,
    code_of,
    explain_reply,
    explained,
    status_of,
)
from budwood_s3_storage.settings import S3StorageSettings

if TYPE_CHECKING:
    from pydantic import SecretStr

_CONFLICTS: Final = 3
"""How often an object is put while the server reports that another request for the same key is under way (409)."""

_CHUNK: Final = 2**20
_CUT_REPLIES: Final = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
CONNECTIONS: Final = 8
"""The number of connections, and so of objects that are read at a time."""


class ObjectStore:
    """
    The objects below the prefix of an output. Keys are relative to it. Thread-safe.

    The client is created with the first request, because looking up credentials may need the network.
    """

    def __init__(self, settings: S3StorageSettings) -> None:
        self._settings = settings
        self._created: Any = None

    def get(self, key: str) -> bytes | None:
        """Return an object; None if it does not exist."""
        file = io.BytesIO()
        with explained(self._settings, f"read {self.url(key)}"):
            try:
                self._copy(key, file)
            except ClientError as error:
                if code_of(error) == "NoSuchKey":
                    return None
                raise
        return file.getvalue()

    def download(self, key: str, file: IO[bytes]) -> None:
        """Write an object to an empty file."""
        with explained(self._settings, f"read {self.url(key)}"):
            self._copy(key, file)

    def put(self, key: str, body: bytes) -> None:
        """Create or replace an object, in one step."""
        with explained(self._settings, f"write {self.url(key)}"):
            self._client.put_object(**self._put_options(key, body))

    def create(self, key: str, body: bytes) -> bool:
        """
        Create an object only if it does not exist.

        Returns:
            False if it exists. It may be the object of an earlier attempt whose reply was lost: compare it.

        Raises:
            ConditionalPutUnsupportedError: The server cannot do this.
        """
        with explained(self._settings, f"create {self.url(key)}"):
            for attempt in range(1, _CONFLICTS + 1):
                try:
                    self._client.put_object(**self._put_options(key, body), IfNoneMatch="*")
                    return True
                except ClientError as error:
                    if status_of(error) == 412:
                        return False
                    if status_of(error) == 501:
                        explanation = explain_reply(self._settings, f"create {self.url(key)}", error)
                        raise ConditionalPutUnsupportedError(explanation.message, hint=explanation.hint) from None
                    if status_of(error) != 409 or attempt == _CONFLICTS:
                        raise
        return False

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with a text, in ascending order."""
        start = self._settings.prefix
        with explained(self._settings, f"list {self.url(prefix)}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._settings.bucket, Prefix=f"{start}{prefix}"
            )
            for page in pages:
                for entry in page.get("Contents", ()):
                    yield entry["Key"].removeprefix(start)

    def url(self, key: str = "") -> str:
        """Return the address of an object, for messages."""
        return f"s3://{self._settings.bucket}/{self._settings.prefix}{key}"

    def close(self) -> None:
        """Close the connections."""
        if self._created is not None:
            self._created.close()
            self._created = None

    @property
    def _client(self) -> Any:  # noqa: ANN401 - the client creates its methods at runtime
        if self._created is None:
            self._created = _create_client(self._settings)
        return self._created

    def _copy(self, key: str, file: IO[bytes]) -> None:
        """Copy an object. The client repeats requests, but does not continue replies that end too early."""
        for attempt in range(self._settings.retries + 1):
            try:
                reply = self._client.get_object(**self._name(key))
                with closing(reply["Body"]) as body:
                    for chunk in body.iter_chunks(_CHUNK):
                        file.write(chunk)
            except _CUT_REPLIES:
                if attempt == self._settings.retries:
                    raise
                file.seek(0)
                file.truncate()
            else:
                return

    def _name(self, key: str) -> dict[str, str]:
        return {"Bucket": self._settings.bucket, "Key": f"{self._settings.prefix}{key}"}

    def _put_options(self, key: str, body: bytes) -> dict[str, Any]:
        options: dict[str, Any] = {
            **self._name(key),
            "Body": body,
            "ContentMD5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            "ContentType": "application/gzip" if key.endswith(".gz") else "application/json",
        }
        if self._settings.encryption is not None:
            options["ServerSideEncryption"] = self._settings.encryption
        if self._settings.kms_key_id is not None:
            options["SSEKMSKeyId"] = self._settings.kms_key_id
        return options


def _create_client(settings: S3StorageSettings) -> Any:  # noqa: ANN401 - the client creates its methods at runtime
    import botocore.session  # it takes 0.4 s, which a run that is only planned should not take
    from botocore.config import Config

    logger = logging.getLogger("botocore")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)  # its debug messages contain session tokens
    session = botocore.session.Session(profile=settings.profile)
    path_style = settings.endpoint is not None if settings.path_style is None else settings.path_style
    return session.create_client(
        "s3",
        region_name=settings.region or session.get_config_variable("region") or "us-east-1",
        endpoint_url=settings.endpoint,
        aws_access_key_id=_reveal(settings.access_key_id),
        aws_secret_access_key=_reveal(settings.secret_access_key),
        aws_session_token=_reveal(settings.session_token),
        config=Config(
            connect_timeout=settings.timeout,
            read_timeout=settings.timeout,
            max_pool_connections=CONNECTIONS,
            # "standard" never repeats a 501, and limits the repetitions of all requests together
            retries={"mode": "standard", "total_max_attempts": settings.retries + 1},
            s3={"addressing_style": "path" if path_style else "auto"},
            # Content-MD5 protects the content; other servers reject checksums of newer kinds
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
