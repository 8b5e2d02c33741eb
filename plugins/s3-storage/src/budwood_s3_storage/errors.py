"""Errors of the object store: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore import exceptions

from budwood.errors import BudwoodError, ConfigurationError, CredentialError
from budwood_s3_storage.settings import S3StorageSettings

_MIN_SECRET: Final = 8
"""Shorter keys are those of servers for tests. Removing them would hide parts of words, as "test" in a bucket."""

_RESUME: Final = "Then resume the run: no call is repeated."

_CLOCK: Final = f"The clock of this machine is wrong: synchronize it (NTP). {_RESUME}"
_KEYS: Final = (
    "Check the access key and its secret: access_key_id and secret_access_key in the section of the storage, the "
    "variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile."
)
_EXPIRED: Final = f"Renew the temporary credentials, for instance with `aws sso login`. {_RESUME}"
_REGION: Final = "Set `region` to the region of the bucket."
_OVERLOADED: Final = f"The server limits the rate of requests, or is overloaded: wait a few minutes. {_RESUME}"
_PERMISSIONS: Final = (
    "The credentials need s3:ListBucket for the bucket, and s3:GetObject and s3:PutObject for its objects; with "
    "aws:kms also kms:GenerateDataKey and kms:Decrypt for the key."
)

_CONFIGURATION: Final[dict[str, str]] = {
    "NoSuchBucket": "Create the bucket, or correct `output`, `endpoint` or `region`.",
    "NoSuchKey": "An object was deleted. Resume the run with another output: it writes all rows there.",
    "AccessDenied": _PERMISSIONS,
    "AllAccessDisabled": _PERMISSIONS,
    "AccountProblem": "Check the account with the operator of the server.",
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "InvalidToken": f"{_KEYS} A session token belongs to one key.",
    "InvalidBucketName": "Correct the name of the bucket in `output`.",
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "NotImplemented": "The server does not support an option of the request. Leave out `encryption`.",
    "InvalidEncryptionAlgorithmError": "The server does not support this `encryption`.",
    "InvalidArgument": "The server rejects an option of the request. Check `encryption` and `kms_key_id`.",
    "KMS.NotFoundException": "Correct `kms_key_id`: the key must be in the region of the bucket.",
    "KMS.DisabledException": "Enable the key `kms_key_id`, or use another.",
    "EntityTooLarge": "A single row exceeds the size that the server accepts.",
}
"""Hints for codes that a repetition does not change."""

_TEMPORARY: Final[dict[str, str]] = {
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "ExpiredToken": _EXPIRED,
    "SlowDown": _OVERLOADED,
    "ServiceUnavailable": _OVERLOADED,
    "RequestLimitExceeded": _OVERLOADED,
    "QuotaExceeded": f"Free space in the bucket, or raise its quota. {_RESUME}",
}
"""Hints for codes after which the run can be resumed without a change of the settings."""

_HINTS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (exceptions.SSLError, "Check the certificate of `endpoint`; AWS_CA_BUNDLE names the file of another authority."),
    (exceptions.ProxyConnectionError, "Check HTTPS_PROXY, or exclude the host with NO_PROXY."),
    (exceptions.EndpointConnectionError, f"Check `endpoint` and the network. {_RESUME}"),
)

_OTHER_HINT: Final = f"Check the server. {_RESUME}"


class S3StorageError(BudwoodError):
    """The object store cannot be reached, or failed. All rows are in the journal of the run."""


class ConditionalPutUnsupportedError(S3StorageError):
    """The server cannot create an object only if it does not exist (HTTP 501)."""


@contextmanager
def explained(settings: S3StorageSettings, action: str) -> Iterator[None]:
    """
    Convert errors of the client.

    Args:
        settings: The settings, whose secrets are removed from the messages.
        action: What was done: ``"write s3://bucket/key"``.

    Raises:
        CredentialError: There are no credentials.
        ConfigurationError: The settings, the bucket or its permissions must be changed.
        S3StorageError: Everything else.
    """
    try:
        yield
    except exceptions.ClientError as error:
        raise explain_reply(settings, action, error) from None
    except (exceptions.BotoCoreError, ValueError) as error:
        raise _explain_client(settings, action, error) from None


def code_of(error: exceptions.ClientError) -> str:
    """Return the code of an error: ``NoSuchKey``; or the status if a reply without a body has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: exceptions.ClientError) -> int:
    """Return the HTTP status of an error."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explain_reply(settings: S3StorageSettings, action: str, error: exceptions.ClientError) -> BudwoodError:
    """Convert an error reply of the server."""
    code = code_of(error)
    details = str(error.response.get("Error", {}).get("Message", ""))
    message = _without_secrets(settings, f"Cannot {action}: {code} (HTTP {status_of(error)}): {details}")
    if hint := _CONFIGURATION.get(code) or (_PERMISSIONS if status_of(error) == 403 and code not in _TEMPORARY else ""):
        return ConfigurationError(message, hint=hint)
    return S3StorageError(message, hint=_TEMPORARY.get(code, _OTHER_HINT))


def _explain_client(settings: S3StorageSettings, action: str, error: Exception) -> BudwoodError:
    message = _without_secrets(settings, f"Cannot {action}: {error}")
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return CredentialError(
            f"Cannot {action}: no credentials.",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` in the section of the storage.",
        )
    if isinstance(error, exceptions.ProfileNotFound):
        return ConfigurationError(message, hint="Correct `profile` or AWS_PROFILE; ~/.aws/config lists the profiles.")
    if isinstance(error, _EXPIRED_ERRORS):
        return CredentialError(message, hint=_EXPIRED)
    if isinstance(error, _CONFIGURATION_ERRORS):
        return ConfigurationError(message, hint="Correct the settings of the storage, or the configuration of AWS.")
    return S3StorageError(message, hint=next((text for kind, text in _HINTS if isinstance(error, kind)), _OTHER_HINT))


_EXPIRED_ERRORS: Final = (exceptions.SSOError, exceptions.TokenRetrievalError, exceptions.CredentialRetrievalError)
_CONFIGURATION_ERRORS: Final = (
    exceptions.ParamValidationError,
    exceptions.InvalidRegionError,
    exceptions.ConfigParseError,
    exceptions.InvalidConfigError,
    exceptions.NoRegionError,
    ValueError,
)


def _without_secrets(settings: S3StorageSettings, message: str) -> str:
    secrets = (settings.access_key_id, settings.secret_access_key, settings.session_token)
    for secret in secrets:
        if secret is not None and len(value := secret.get_secret_value()) >= _MIN_SECRET:
            message = message.replace(value, "***")
    return message
