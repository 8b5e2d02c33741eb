"""A keyring of the system, for processes of their own: the secrets are in a file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend

VARIABLE = "TEST_KEYRING_FILE"


def read_secrets(path):
    """
    Return the secrets in a file; none without one.
    """
    return json.loads(path.read_text()) if path.exists() else {}


class FileKeyring(KeyringBackend):
    priority = 1

    @property
    def path(self):
        """The file, as the environment says."""
        return Path(os.environ[VARIABLE])

    def get_password(self, service, username):
        return read_secrets(self.path).get(f"{service}:{username}")

    def set_password(self, service, username, password):
        self.path.write_text(json.dumps({**read_secrets(self.path), f"{service}:{username}": password}))

    def delete_password(self, service, username):
        secrets = read_secrets(self.path)
        del secrets[f"{service}:{username}"]
        self.path.write_text(json.dumps(secrets))
