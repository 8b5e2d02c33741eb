"""The API keys that the user has stored on this machine, in the system's keyring or in a file of their own."""

from budwood.credential_store.index import (
    DEFAULT_LABEL,
    FILE_NAME,
    KeyTarget,
    Place,
    StoredKey,
    index_path,
    parse_label,
    read_index,
    write_index,
)
from budwood.credential_store.lookup import StoredKeys, describe_cures, key_variables
from budwood.credential_store.system_keyring import (
    INSTALL_HINT,
    KeyringUnavailableError,
    delete_secret,
    read_secret,
    write_secret,
)
from budwood.credential_store.targets import (
    TARGET_FIELDS,
    KeyTargetError,
    StoredCredentials,
    check_transports,
    find_target,
)

__all__ = [
    "DEFAULT_LABEL",
    "FILE_NAME",
    "INSTALL_HINT",
    "TARGET_FIELDS",
    "KeyTarget",
    "KeyTargetError",
    "KeyringUnavailableError",
    "Place",
    "StoredCredentials",
    "StoredKey",
    "StoredKeys",
    "check_transports",
    "delete_secret",
    "describe_cures",
    "find_target",
    "index_path",
    "key_variables",
    "parse_label",
    "read_index",
    "read_secret",
    "write_index",
    "write_secret",
]
