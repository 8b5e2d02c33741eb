"""Load settings from the sources that a test passes."""

from __future__ import annotations

import pytest

from budwood.settings import Settings


@pytest.fixture
def load(tmp_path):
    """
    Load settings from a folder of the test, a user file, and only the given environment.
    """

    def read(explicit=None, *, dotenv=None, file=None, user=None, **environment):
        for name, text in ((".env", dotenv), ("budwood.toml", file), ("user.toml", user)):
            if text is not None:
                tmp_path.joinpath(name).write_text(text, "utf-8")
        return Settings.load(explicit, folder=tmp_path, environment=environment, user_file=tmp_path / "user.toml")

    return read
