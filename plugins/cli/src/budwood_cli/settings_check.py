"""Check all sources of settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path

from budwood.credential_store import read_index
from budwood.errors import ConfigurationError
from budwood.settings import RootSettings, Settings
from budwood.settings_sources import Source, dotenv_source, environment_source, read_text
from budwood_cli import terminal
from budwood_cli.setting_origins import find_variable
from budwood_cli.setting_problems import Problem, find_text_problems, find_tree_problems
from budwood_cli.settings_files import project_file, user_file
from budwood_cli.stored_keys import stored_keys_path


def check_all() -> list[Problem]:
    """Return the mistakes in all sources, in the order of their precedence."""
    sections = RootSettings.model_fields
    problems = [
        *_check_variables("environment", lambda: [environment_source("environment", os.environ, sections)]),
        *_check_variables(".env", lambda: dotenv_source(Path.cwd() / ".env", sections)),
        *_check_file(project_file()),
        *_check_file(user_file()),
        *_check_stored_keys(),
    ]
    return problems or _check_together()


def _check_variables(name: str, read: Callable[[], Iterable[Source]]) -> list[Problem]:
    try:
        sources = list(read())
    except ConfigurationError as error:
        return [Problem(name, None, "", error.message.rstrip("."))]
    found = []
    for source in sources:
        for path, problem in find_tree_problems(source.tree, name):
            variable = find_variable(source.variables, tuple(str(step) for step in path)) if path else None
            found.append(problem._replace(source=f"{name}: {variable}" if variable else name))
    return found


def _check_file(path: Path) -> list[Problem]:
    name = terminal.short_path(path)
    try:
        text = read_text(path)
    except ConfigurationError as error:
        return [Problem(name, None, "", error.message.removeprefix(f"{path}: ").rstrip("."))]
    return find_text_problems(text, name) if text is not None else []


def _check_stored_keys() -> list[Problem]:
    path = stored_keys_path()
    try:
        read_index(path)
    except ConfigurationError as error:
        message = error.message.removeprefix(f"{path}: ").rstrip(".")
        return [Problem(terminal.short_path(path), None, "", message)]
    return []


def _check_together() -> list[Problem]:
    """Check what the sources mean together."""
    try:
        settings = Settings.load()
        if settings.server and find_spec("budwood_server") is not None:
            from budwood_server.settings import load_server_settings

            load_server_settings(settings)
    except ConfigurationError as error:
        return [Problem("settings", None, "", error.message.rstrip("."))]
    return []
