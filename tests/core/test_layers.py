"""Which parts of the core may import which, and what plugins may import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.imports import CORE, REPOSITORY, Import, imports_of, is_module, source_files

ROOMS = (
    "errors names logs types contracts clock hooks settings_sources settings catalog wire providing plugins transports "
    "engine streams completed chat client caching media"
).split()
"""From the top of the house to the bottom: a room imports only from rooms above it."""

FOR_TYPE_CHECKERS = {("errors", "types")}
"""The only imports from below, and only where type checkers alone read them."""

FOR_HTTPX = ("wire", "transports")
"""The rooms that may import httpx when a program runs."""

SURFACE = {"errors", "types", "contracts", "hooks", "wire", "providing"}
"""What plugins may import of the core; `requires_api` versions it."""

APPLICATIONS = {"budwood_generation", "budwood_cli", "budwood_server"}
FOR_APPLICATIONS = SURFACE | {"", "settings", "settings_sources", "plugins"}
"""Applications use the public names, which have no room, and bring plugins of their own."""

LIBRARIES = {"budwood_openai_compatible"}
"""A plugin that is also a library for others."""

TEST_KIT = "budwood_testing"
"""Made for tests, of the core too: it may import all of the core, and what ships imports nothing of it."""


def core_violations(package: Path) -> list[str]:
    """
    Find imports from lower layers, and imports of httpx outside the layers that send calls.
    """
    found = []
    for file in source_files(package):
        room = file.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue  # the public face hands names on, from everywhere
        for imported in imports_of(file, package.parent):
            if imported.package == "httpx" and room not in FOR_HTTPX and not imported.for_type_checkers:
                found.append(f"{imported}, which is for {' and '.join(FOR_HTTPX)} alone")
            elif imported.package.startswith("budwood_"):
                found.append(f"{imported}, a plugin")
            elif imported.package == package.name and not _is_above(imported, room):
                found.append(f"{imported}, from below {room}")
    return found


def _is_above(imported: Import, room: str) -> bool:
    if imported.for_type_checkers and (room, imported.room) in FOR_TYPE_CHECKERS:
        return True
    return {room, imported.room} <= set(ROOMS) and ROOMS.index(imported.room) <= ROOMS.index(room)


def plugin_violations(package: Path, core: Path) -> list[str]:
    """
    Find imports of a plugin or an application that are not permitted.
    """
    found = []
    application = package.name in APPLICATIONS
    allowed = FOR_APPLICATIONS if application else SURFACE
    friends = {package.name, *LIBRARIES, *(APPLICATIONS if application else ())}
    for file in source_files(package):
        for imported in imports_of(file, package.parent, core.parent):
            room = imported.room if is_module(core / imported.room) else ""  # names of the public face have none
            if imported.package == "budwood" and room not in allowed:
                found.append(f"{imported}, which is no part of the core for {package.name}")
            elif imported.package.startswith("budwood_") and imported.package not in friends:
                found.append(f"{imported}, another plugin")
    return found


def plugin_packages() -> list[Path]:
    """
    List the packages under ``plugins/``.
    """
    packages = sorted(path.parent for path in REPOSITORY.glob("plugins/*/src/budwood_*/__init__.py"))
    return [package for package in packages if package.name != TEST_KIT]


# The house as it is.


def test_room_of_the_core_imports_only_from_rooms_above_it():
    """
    The order is fixed, and httpx is only for the layers that send calls.
    """
    assert core_violations(CORE) == []


def test_order_names_every_room():
    """
    New and removed rooms must be added or removed.
    """
    rooms = {path.name.removesuffix(".py") for path in CORE.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert rooms - {"__init__", "__pycache__"} == set(ROOMS)


@pytest.mark.parametrize("package", plugin_packages(), ids=lambda path: path.name)
def test_plugin_imports_only_the_plugin_api(package):
    """
    It imports the modules that `requires_api` versions, and no other plugin.
    """
    assert plugin_violations(package, CORE) == []


def test_plugins_are_found():
    """
    The test above is not empty.
    """
    assert {"budwood_openai", "budwood_openai_compatible"} <= {package.name for package in plugin_packages()}


# The reader catches what it is there for.


@pytest.fixture
def house(tmp_path):
    """
    Build a small core and a plugin, and return their violations.
    """

    def build(core=None, plugin=None, name="budwood_acme"):
        folder = tmp_path / "budwood"
        rooms = {"__init__.py": "from budwood.client import ask", **{f"{room}.py": "" for room in ROOMS}}
        for path, text in {**rooms, **(core or {})}.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        package = tmp_path / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(plugin or "")
        return core_violations(folder) + plugin_violations(package, folder)

    return build


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("errors.py", "from budwood.names import normalise", "errors.py:1 imports budwood.names, from below errors"),
        ("errors.py", "import budwood.names", "imports budwood.names, from below errors"),
        ("errors.py", "from budwood import logs", "imports budwood.logs, from below errors"),
        ("names.py", "from . import client", "imports budwood.client, from below names"),
        ("names.py", "from .client import ask", "imports budwood.client, from below names"),
        ("wire/sse.py", "from ..engine import driver", "imports budwood.engine, from below wire"),
        ("engine/a.py", "def f():\n    from budwood.client import Client", "a.py:2 imports budwood.client, from below"),
        ("engine/a.py", "if TYPE_CHECKING:\n    import budwood.client", "imports budwood.client, from below engine"),
        ("chat.py", "from budwood.client import Client", "imports budwood.client, from below chat"),
        ("chat.py", "if not TYPE_CHECKING:\n    import budwood.client", "imports budwood.client, from below chat"),
        ("chat.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import budwood.client", "budwood.client, from below chat"),
        ("client.py", "try:\n    import budwood_testing\nexcept ImportError:\n    pass", "budwood_testing, a plugin"),
        ("engine/a.py", "from budwood import ask", "imports budwood, from below engine"),
        ("cellar.py", "import budwood.errors", "imports budwood.errors, from below cellar"),
        ("client.py", "import budwood.cellar", "imports budwood.cellar, from below client"),
        ("engine/a.py", "import httpx", "imports httpx, which is for wire and transports alone"),
        (
            "client.py",
            "def f():\n    from httpx import Client",
            "imports httpx, which is for wire and transports alone",
        ),
        ("client.py", "import budwood_openai", "imports budwood_openai, a plugin"),
    ],
)
def test_import_from_below_is_caught(file, text, said, house):
    """
    In any form and at any place of a file.
    """
    (found,) = house({file: text})

    assert said in found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("client.py", "from budwood.errors import BudwoodError\nfrom budwood import logs\nimport os, json"),
        ("engine/a.py", "from budwood.engine.b import thing\nfrom . import b\nfrom ..errors import BudwoodError"),
        ("errors.py", "if TYPE_CHECKING:\n    from budwood.types import Attempt"),
        ("transports/a.py", "import httpx"),
        ("client.py", "if TYPE_CHECKING:\n    import httpx"),
        ("media/a.py", "from budwood.client import Client\nfrom budwood.caching import MemoryCache"),
    ],
)
def test_import_from_above_is_allowed(file, text, house):
    """
    It is not a violation.
    """
    assert house({file: text}) == []


@pytest.mark.parametrize(
    "text",
    [
        "from budwood import Client",
        "import budwood",
        "from budwood import engine",
        "from budwood.engine import Engine",
        "from budwood.settings import Settings",
        "from budwood.names import normalise",
        "from budwood.logs import emit",
        "def f():\n    import budwood.client",
        "if TYPE_CHECKING:\n    from budwood.client import Client",
        "import budwood_openai",
        "from budwood_generation.journal import Journal",
    ],
)
def test_plugin_that_imports_more_is_caught(text, house):
    """
    Internal modules of the core and other plugins are violations.
    """
    assert len(house(plugin=text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        *(f"from budwood.{room} import thing" for room in sorted(SURFACE)),
        "from budwood import hooks",
        "import budwood_openai_compatible",
        "from budwood_acme.settings import Settings\nfrom . import settings",
        "import os, anthropic",
    ],
)
def test_plugin_api_is_permitted(text, house):
    """
    These are the modules of the plugin author's guide.
    """
    assert house(plugin=text) == []


@pytest.mark.parametrize(
    ("text", "violations"),
    [
        ("import budwood\nfrom budwood import Client, hooks", 0),
        ("from budwood.settings import Settings\nfrom budwood.plugins import Registry", 0),
        ("from budwood_generation import plan", 0),
        ("import budwood.engine", 1),
        ("from budwood.client import Client", 1),
        ("from budwood import engine", 1),
        ("import budwood_openai", 1),
    ],
)
def test_application_uses_public_names(text, violations, house):
    """
    It may also use the plugin API, settings, plugins and other applications, but no plugin.
    """
    assert len(house(plugin=text, name="budwood_cli")) == violations
