"""The order of the house: who may import whom, and what `import budwood` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

import budwood
from budwood import errors, types

REPOSITORY = Path(__file__).resolve().parents[2]

ROOMS = (
    "errors names logs types contracts clock hooks settings catalog wire providing plugins transports engine streams "
    "chat client caching media"
).split()
"""From the top of the house to the bottom: a room imports only from rooms above it."""

FOR_TYPE_CHECKERS = {("errors", "types")}
"""The only imports from below, and only where type checkers alone read them."""

FOR_HTTPX = ("wire", "transports")
"""The rooms that may import httpx when a program runs."""

SURFACE = {"errors", "types", "contracts", "hooks", "wire", "providing"}
"""What plugins may import of the core; `requires_api` versions it."""

APPLICATIONS = {"budwood_generation", "budwood_cli", "budwood_server"}
FOR_APPLICATIONS = SURFACE | {"", "settings", "plugins"}
"""Applications use the public names, which have no room, and bring plugins of their own."""

LIBRARIES = {"budwood_openai_compatible"}
"""A plugin that is also a library for others."""

TEST_KIT = "budwood_testing"
"""Made for tests, of the core too: it may import all of the core, and what ships imports nothing of it."""


@dataclass(frozen=True)
class Import:
    """
    One import statement: of what, and whether only type checkers read it.
    """

    file: Path
    line: int
    module: str
    for_type_checkers: bool

    def __str__(self):
        return f"{self.file.name}:{self.line} imports {self.module}"

    @property
    def package(self):
        """
        The distribution's package.
        """
        return self.module.partition(".")[0]

    @property
    def room(self):
        """
        The part of the package; empty for the package itself.
        """
        return f"{self.module}.".split(".")[1]


def source_files(package: Path) -> list[Path]:
    """
    List the modules of a package.
    """
    return sorted(package.rglob("*.py"))


def imports_of(file: Path, *roots: Path) -> Iterator[Import]:
    """
    Read all imports of a module, those inside functions too.

    ``roots`` are folders that hold packages: first the one of the module's own package.
    """
    tree = ast.parse(file.read_text("utf-8"))
    unread = {id(node) for block in ast.walk(tree) if _is_for_type_checkers(block) for node in _inside(block)}
    for node in ast.walk(tree):
        for module in _modules(node, file, roots):
            yield Import(file, node.lineno, module, id(node) in unread)


def _is_for_type_checkers(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _inside(block: ast.If) -> Iterator[ast.AST]:
    for statement in block.body:
        yield from ast.walk(statement)


def _modules(node: ast.AST, file: Path, roots: Sequence[Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            parts = file.relative_to(roots[0]).parent.parts
            base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [base])])
        for alias in node.names:  # `from budwood import logs` imports a module, `from budwood import ask` a name
            module = f"{base}.{alias.name}"
            yield module if any(_is_module(root.joinpath(*module.split("."))) for root in roots) else base


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


def core_violations(package: Path) -> list[str]:
    """
    Find imports from below, and httpx outside the rooms that carry calls.
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
    Find what a plugin or an application imports beyond its share of the core, and of other plugins.
    """
    found = []
    application = package.name in APPLICATIONS
    allowed = FOR_APPLICATIONS if application else SURFACE
    friends = {package.name, *LIBRARIES, *(APPLICATIONS if application else ())}
    for file in source_files(package):
        for imported in imports_of(file, package.parent, core.parent):
            room = imported.room if _is_module(core / imported.room) else ""  # names of the public face have none
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


CORE = REPOSITORY / "core" / "src" / "budwood"


# The house as it is.


def test_room_of_the_core_imports_only_from_rooms_above_it():
    """
    The order is fixed, and httpx is for those who carry calls.
    """
    assert core_violations(CORE) == []


def test_order_names_every_room():
    """
    A new room has to be given its place, and one that is gone loses it.
    """
    rooms = {path.name.removesuffix(".py") for path in CORE.iterdir() if path.suffix == ".py" or path.is_dir()}

    assert rooms - {"__init__", "__pycache__"} == set(ROOMS)


@pytest.mark.parametrize("package", plugin_packages(), ids=lambda path: path.name)
def test_plugin_imports_only_what_is_there_for_plugins(package):
    """
    The surface that `requires_api` versions, and no other plugin.
    """
    assert plugin_violations(package, CORE) == []


def test_plugins_are_found():
    """
    The test above has something to read.
    """
    assert {"budwood_openai", "budwood_openai_compatible"} <= {package.name for package in plugin_packages()}


# Circles.


def circles_in(package: Path) -> set[frozenset[str]]:
    """
    Find the modules that import each other in a circle; imports inside functions count, those for type checkers not.
    """
    graph = _module_graph(package)
    reachable = {module: _reachable(module, graph) for module in graph}
    circles = (frozenset(other for other in reachable[module] if module in reachable[other]) for module in graph)
    return {circle | {module} for module, circle in zip(graph, circles, strict=True) if circle}


def _module_graph(package: Path) -> dict[str, set[str]]:
    modules = {_module_name(file, package.parent): file for file in source_files(package)}
    return {
        module: {
            imported.module
            for imported in imports_of(file, package.parent)
            if imported.module in modules and imported.module != module and not imported.for_type_checkers
        }
        for module, file in modules.items()
    }


def _module_name(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def _reachable(module: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*graph[module]]
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(graph[other])
    return found


def test_no_modules_import_each_other_in_a_circle():
    """
    Each module can be understood after those that it imports.
    """
    assert circles_in(CORE) == set()


@pytest.mark.parametrize(
    ("back", "is_circle"),
    [
        ("from package import a", True),
        ("def f():\n    from package.a import x", True),
        ("from package.folder import c", True),
        ("if TYPE_CHECKING:\n    from package import a", False),
        ("import os", False),
    ],
)
def test_circle_is_caught(tmp_path, back, is_circle):
    """
    Over several modules and inside functions, but not where only type checkers read.
    """
    files = {"a": "from package.b import x", "b": back, "folder/c": "import package.a", "folder/__init__": ""}
    for name, text in files.items():
        file = tmp_path / "package" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    assert bool(circles_in(tmp_path / "package")) is is_circle


# Vendors' words.

VENDORS = (
    "openai azure anthropic claude gemini google vertex groq ollama mistral openrouter bedrock vllm deepseek microsoft "
    "hugging x-ai perplexity fireworks llama.cpp x-ms- apim- service_tier servicetier traffictype inference_geo betas"
).split()
"""Names of vendors and servers, and of fields and headers that are one vendor's alone."""

WITHOUT_VENDORS = ("engine", "providing", "wire")


def vendors_in(folder: Path) -> list[str]:
    """
    Find vendors' words in a folder's modules: in code, in comments and in docstrings.
    """
    return [
        f"{file.name}:{number} names {vendor}"
        for file in source_files(folder)
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for vendor in VENDORS
        if vendor in line.lower()
    ]


@pytest.mark.parametrize("room", WITHOUT_VENDORS)
def test_vendors_are_for_plugins(room):
    """
    What is one vendor's way stands in its plugin.
    """
    assert vendors_in(CORE / room) == []


def test_a_vendors_word_is_caught(tmp_path):
    """
    Wherever it stands in a line, and in whichever case.
    """
    (tmp_path / "a.py").write_text('"""A module."""\nX_MS = headers["X-MS-Request-ID"]  # of Azure\n')

    assert vendors_in(tmp_path) == ["a.py:2 names azure", "a.py:2 names x-ms-"]


# How long files are.

LONGEST = 400
"""Lines of a file that ships."""


def test_no_file_that_ships_is_too_long():
    """
    A module that grows beyond that is split by its subjects.
    """
    sources = [CORE, *REPOSITORY.glob("plugins/*/src")]
    lengths = {file: len(file.read_text("utf-8").splitlines()) for folder in sources for file in source_files(folder)}

    assert [f"{file.name} has {lines} lines" for file, lines in lengths.items() if lines > LONGEST] == []
    assert len(lengths) > 300


# The reader catches what it is there for.


@pytest.fixture
def house(tmp_path):
    """
    Build a small core and a plugin, and say what is wrong with them.
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
    However it is written and wherever it stands.
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
    The order leaves every room what it needs.
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
def test_plugin_that_reaches_further_is_caught(text, house):
    """
    Neither the core's inside nor another plugin is a plugin's business.
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
def test_surface_is_open_to_plugins(text, house):
    """
    What the plugin author's guide shows.
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
    And what plugins use, settings and plugins; and other applications, but no plugin.
    """
    assert len(house(plugin=text, name="budwood_cli")) == violations


# What `import budwood` costs.

HEAVY = (
    "pydantic",
    "pydantic_core",
    "httpx",
    "pluggy",
    "structlog",
    "typing",
    "asyncio",
    "importlib.metadata",
    "dotenv",
)


def modules_after(code):
    """
    Run code in a new interpreter, without site-packages' start-up files; return the modules that it loaded.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; {code}; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_budwood_is_cheap():
    """
    No public name is looked up before it is used.
    """
    loaded = modules_after("import budwood")

    assert "budwood" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert [name for name in loaded if name.startswith("budwood.")] == []


def test_cost_would_be_noticed():
    """
    The measurement sees what a public name brings with it.
    """
    assert {"pydantic", "typing"} <= modules_after("import budwood; budwood.Message")


@pytest.mark.parametrize("name", ["BudwoodError", "configure_logging"])
def test_light_names_stay_light(name):
    """
    Errors and logging are for everyone: they bring none of the libraries.
    """
    assert modules_after(f"import budwood; budwood.{name}").isdisjoint({"pydantic", "httpx", "pluggy", "structlog"})


def test_asking_for_the_version_reads_it_from_the_metadata():
    """
    It is what is installed, and it is looked up once.
    """
    from importlib.metadata import version

    assert budwood.__version__ == version("budwood")
    assert vars(budwood)["__version__"] == budwood.__version__


@pytest.mark.parametrize("name", dir(budwood))
def test_every_public_name_can_be_used(name):
    """
    What ``dir()`` promises is there, and stays the same object.
    """
    assert getattr(budwood, name) is getattr(budwood, name)


def test_names_of_the_public_face_are_in_its_list():
    """
    The table of homes, the block for type checkers, ``__all__`` and ``dir()`` tell the same names.
    """
    tree = ast.parse((CORE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if _is_for_type_checkers(node))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    declared = {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}

    assert declared == budwood._HOMES
    assert budwood.__all__ == list(budwood._HOMES)
    assert set(budwood.__all__) <= set(dir(budwood))


FOR_PLUGINS = frozenset(
    "CONTENT_EVENTS JSON MAX_REPLY_BYTES Answer Body BodyFile Cell CellDraft ChatRequest Cost Credential "
    "EmbeddingRequest HTTPCall HTTPReply ImagePart Instruction KnownFacts ModerationRequest NamedTool OutputSchema "
    "Record ReplyHead Row SavedReply SourcePassage Timing ToolChoice ToolDefinition Turn "
    "AttemptFinished AttemptStarted CacheFailed CacheHit FirstToken Observation ParameterLearned RequestFinished "
    "RequestStarted RetryScheduled ToolFinished ToolStarted".split()  # for observers
)
"""Types that authors of plugins work with, and programs do not. `ImagePart` is `Image` to programs."""


def test_every_type_that_programs_meet_is_a_public_name():
    """
    A type of `budwood.types` is public, or it is named above; a new one has to be put in one of the places.
    """
    public = {name for name, home in budwood._HOMES.items() if home == "budwood.types"}

    assert public | FOR_PLUGINS == set(types.__all__)
    assert public.isdisjoint(FOR_PLUGINS)


def test_every_error_is_a_public_name():
    """
    Whoever catches an error finds it in `budwood`.
    """
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")}

    assert {name for name, home in budwood._HOMES.items() if home == "budwood.errors"} == classes


@pytest.mark.parametrize("name", sorted(budwood._HOMES))
def test_public_name_is_that_of_its_home(name):
    """
    The table names the module that has it.
    """
    assert getattr(budwood, name) is getattr(import_module(budwood._HOMES[name]), name)


def test_name_that_does_not_exist_is_an_attribute_error():
    """
    As for any module.
    """
    with pytest.raises(AttributeError, match="module 'budwood' has no attribute 'aks'"):
        budwood.aks  # noqa: B018 - the access is what is tested
