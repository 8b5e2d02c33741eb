"""Which parts of the core may import which, and what plugins may import."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.imports import CORE, REPOSITORY, Import, is_module, list_source_files, read_imports

LAYERS = (
    "errors names logs atomic_files types contracts clock hooks settings_sources option_settings settings "
    "credential_store endpoint_settings budget_settings catalog wire providing plugins transports engine "
    "event_streams streams stream_files media_streams completed jobs batches live_batches files chat client "
    "call_reports caching limiting media"
).split()
"""The layers in order: a layer imports only from itself and from those before it."""

FOR_TYPE_CHECKERS = {("errors", "types")}
"""The only imports of later layers, permitted for type checkers only."""

FOR_HTTPX = ("wire", "transports")
"""The layers that may import httpx at run time."""

SURFACE = {"errors", "types", "contracts", "hooks", "wire", "providing"}
"""The layers that plugins may import; `requires_api` versions them."""

APPLICATIONS = {
    *("budwood_generation", "budwood_cli", "budwood_langchain", "budwood_llama_index", "budwood_prompts"),
    "budwood_server",
}
FOR_APPLICATIONS = SURFACE | {
    "",
    "clock",
    "settings",
    "settings_sources",
    "endpoint_settings",
    "credential_store",
    "plugins",
    "logs",
    "names",
}
"""Applications use the public names, which have no layer, may provide plugins, suggest names, and write to the log."""

LIBRARIES = {"budwood_openai_compatible", "budwood_usage"}
"""Plugins that are also libraries for others."""

TEST_KIT = "budwood_testing"
"""For tests, including those of the core: it may import the whole core, and no distribution may import it."""


def find_core_violations(package: Path) -> list[str]:
    """
    Find imports from lower layers, and imports of httpx outside the layers that send calls.
    """
    found = []
    for file in list_source_files(package):
        layer = file.relative_to(package).parts[0].removesuffix(".py")
        if layer == "__init__":
            continue  # the package exports names of all layers
        for imported in read_imports(file, package.parent):
            if imported.package == "httpx" and layer not in FOR_HTTPX and not imported.for_type_checkers:
                found.append(f"{imported}, which only {' and '.join(FOR_HTTPX)} may import")
            elif imported.package.startswith("budwood_"):
                found.append(f"{imported}, a plugin")
            elif imported.package == package.name and not _is_earlier(imported, layer):
                found.append(f"{imported}, a layer after {layer}")
    return found


def _is_earlier(imported: Import, layer: str) -> bool:
    if imported.for_type_checkers and (layer, imported.layer) in FOR_TYPE_CHECKERS:
        return True
    return {layer, imported.layer} <= set(LAYERS) and LAYERS.index(imported.layer) <= LAYERS.index(layer)


def find_plugin_violations(package: Path, core: Path) -> list[str]:
    """
    Find imports of a plugin or an application that are not permitted.
    """
    found = []
    application = package.name in APPLICATIONS
    allowed = FOR_APPLICATIONS if application else SURFACE
    allowed_packages = {package.name, *LIBRARIES, *(APPLICATIONS if application else ())}
    for file in list_source_files(package):
        for imported in read_imports(file, package.parent, core.parent):
            layer = imported.layer if is_module(core / imported.layer) else ""  # public names have no layer
            if imported.package == "budwood" and layer not in allowed:
                found.append(f"{imported}, which {package.name} may not import")
            elif imported.package.startswith("budwood_") and imported.package not in allowed_packages:
                found.append(f"{imported}, another plugin")
    return found


def list_plugin_packages() -> list[Path]:
    """
    List the packages under ``plugins/``.
    """
    packages = sorted(path.parent for path in REPOSITORY.glob("plugins/*/src/budwood_*/__init__.py"))
    return [package for package in packages if package.name != TEST_KIT]


# The layers of the core and of the plugins.


def test_layers_of_the_core_import_only_earlier_layers():
    """
    The order is fixed, and httpx is only for the layers that send calls.
    """
    assert find_core_violations(CORE) == []


def test_order_contains_every_layer():
    """
    New layers must be added to it, and removed ones removed.
    """
    layers = {path.name.removesuffix(".py") for path in CORE.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert layers - {"__init__", "__pycache__"} == set(LAYERS)


@pytest.mark.parametrize("package", list_plugin_packages(), ids=lambda path: path.name)
def test_plugin_imports_only_the_plugin_api(package):
    """
    It imports the modules that `requires_api` versions, and no other plugin.
    """
    assert find_plugin_violations(package, CORE) == []


def test_plugins_are_found():
    """
    The test above is not empty.
    """
    assert {"budwood_openai", "budwood_openai_compatible"} <= {package.name for package in list_plugin_packages()}


# Violations are found.


@pytest.fixture
def find_violations(tmp_path):
    """
    Build a small core and a plugin, and return their violations.
    """

    def build(core=None, plugin=None, name="budwood_acme"):
        folder = tmp_path / "budwood"
        layers = {"__init__.py": "from budwood.client import ask", **{f"{layer}.py": "" for layer in LAYERS}}
        for path, text in {**layers, **(core or {})}.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        package = tmp_path / "src" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(plugin or "")
        return find_core_violations(folder) + find_plugin_violations(package, folder)

    return build


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("errors.py", "from budwood.names import normalise", "errors.py:1 imports budwood.names, a layer after errors"),
        ("errors.py", "import budwood.names", "imports budwood.names, a layer after errors"),
        ("errors.py", "from budwood import logs", "imports budwood.logs, a layer after errors"),
        ("names.py", "from . import client", "imports budwood.client, a layer after names"),
        ("names.py", "from .client import ask", "imports budwood.client, a layer after names"),
        ("wire/sse.py", "from ..engine import driver", "imports budwood.engine, a layer after wire"),
        (
            "engine/a.py",
            "def f():\n    from budwood.client import Client",
            "a.py:2 imports budwood.client, a layer after",
        ),
        ("engine/a.py", "if TYPE_CHECKING:\n    import budwood.client", "imports budwood.client, a layer after engine"),
        ("chat.py", "from budwood.client import Client", "imports budwood.client, a layer after chat"),
        ("chat.py", "if not TYPE_CHECKING:\n    import budwood.client", "imports budwood.client, a layer after chat"),
        (
            "chat.py",
            "if TYPE_CHECKING:\n    pass\nelse:\n    import budwood.client",
            "budwood.client, a layer after chat",
        ),
        ("client.py", "try:\n    import budwood_testing\nexcept ImportError:\n    pass", "budwood_testing, a plugin"),
        ("engine/a.py", "from budwood import ask", "imports budwood, a layer after engine"),
        ("basement.py", "import budwood.errors", "imports budwood.errors, a layer after basement"),
        ("client.py", "import budwood.basement", "imports budwood.basement, a layer after client"),
        ("engine/a.py", "import httpx", "imports httpx, which only wire and transports may import"),
        (
            "client.py",
            "def f():\n    from httpx import Client",
            "imports httpx, which only wire and transports may import",
        ),
        ("client.py", "import budwood_openai", "imports budwood_openai, a plugin"),
    ],
)
def test_import_of_a_later_layer_is_found(file, text, message, find_violations):
    """
    It is found in any form and anywhere in a file.
    """
    (found,) = find_violations({file: text})

    assert message in found


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("client.py", "from budwood.errors import BudwoodError\nfrom budwood import logs\nimport os, json"),
        ("engine/a.py", "from budwood.engine.b import name\nfrom . import b\nfrom ..errors import BudwoodError"),
        ("errors.py", "if TYPE_CHECKING:\n    from budwood.types import Attempt"),
        ("transports/a.py", "import httpx"),
        ("client.py", "if TYPE_CHECKING:\n    import httpx"),
        ("media/a.py", "from budwood.client import Client\nfrom budwood.caching import MemoryCache"),
    ],
)
def test_import_of_an_earlier_layer_is_allowed(file, text, find_violations):
    """
    It is not a violation.
    """
    assert find_violations({file: text}) == []


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
def test_plugin_that_imports_other_modules_is_found(text, find_violations):
    """
    Internal modules of the core and other plugins are violations.
    """
    assert len(find_violations(plugin=text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        *(f"from budwood.{layer} import name" for layer in sorted(SURFACE)),
        "from budwood import hooks",
        "import budwood_openai_compatible",
        "from budwood_acme.settings import Settings\nfrom . import settings",
        "import os, anthropic",
    ],
)
def test_plugin_api_is_permitted(text, find_violations):
    """
    These are the modules of the plugin author's guide.
    """
    assert find_violations(plugin=text) == []


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
def test_application_uses_public_names(text, violations, find_violations):
    """
    It may also use the plugin API, settings, plugins and other applications, but no plugin.
    """
    assert len(find_violations(plugin=text, name="budwood_cli")) == violations
