"""The names of `budwood`, and what `import budwood` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module

import pytest

import budwood
from budwood import errors, types
from tests.core.imports import CORE, is_for_type_checkers

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


def test_blocking_client_loads_no_event_loop():
    """
    A program that asks with `Client` does not wait for asyncio to be imported.
    """
    loaded = modules_after("import budwood.transports.pooled; from budwood import Client")

    assert "asyncio" not in loaded


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
    block = next(node for node in tree.body if is_for_type_checkers(node))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    declared = {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}

    assert declared == budwood._HOMES
    assert budwood.__all__ == list(budwood._HOMES)
    assert set(budwood.__all__) <= set(dir(budwood))


FOR_PLUGINS = frozenset(
    "CONTENT_EVENTS JSON MAX_REPLY_BYTES Answer Body BodyFile Cell CellDraft ChatRequest Cost Credential "
    "EmbeddingRequest HTTPCall HTTPReply ImagePart Instruction KnownFacts ModerationRequest NamedTool OutputSchema "
    "Record ReplyHead ResultContent Row SavedReply SourcePassage Timing ToolChoice ToolDefinition Turn "
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
