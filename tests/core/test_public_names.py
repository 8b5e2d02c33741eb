"""The names of `budwood`, and the modules that `import budwood` loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module

import pytest

import budwood
from budwood import errors, types
from tests.core.imports import CORE, is_for_type_checkers

# The modules that `import budwood` loads.

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


def list_modules_after(code):
    """
    Run code in a new interpreter without start-up files of site-packages; return the modules that it loaded.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; {code}; print('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_blocking_client_loads_no_event_loop():
    """
    Programs with `Client` do not import asyncio.
    """
    loaded = list_modules_after("import budwood.transports.pooled; from budwood import Client")

    assert "asyncio" not in loaded


def test_importing_budwood_is_cheap():
    """
    No public name is imported before it is used.
    """
    loaded = list_modules_after("import budwood")

    assert "budwood" in loaded
    assert loaded.isdisjoint(HEAVY)
    assert [name for name in loaded if name.startswith("budwood.")] == []


def test_the_measurement_notices_imports():
    """
    It finds the modules that a public name imports.
    """
    assert {"pydantic", "typing"} <= list_modules_after("import budwood; budwood.Message")


@pytest.mark.parametrize("name", ["BudwoodError", "configure_logging"])
def test_light_names_stay_light(name):
    """
    Errors and logging import none of the libraries.
    """
    assert list_modules_after(f"import budwood; budwood.{name}").isdisjoint(
        {"pydantic", "httpx", "pluggy", "structlog"}
    )


def test_the_version_is_read_from_the_metadata():
    """
    It is the installed version, and is read once.
    """
    from importlib.metadata import version

    assert budwood.__version__ == version("budwood")
    assert vars(budwood)["__version__"] == budwood.__version__


@pytest.mark.parametrize("name", dir(budwood))
def test_every_public_name_can_be_used(name):
    """
    Every name in ``dir()`` exists, and is always the same object.
    """
    assert getattr(budwood, name) is getattr(budwood, name)


def test_all_lists_of_public_names_agree():
    """
    The table of modules, the block for type checkers, ``__all__`` and ``dir()`` have the same names.
    """
    tree = ast.parse((CORE / "__init__.py").read_text("utf-8"))
    block = next(node for node in tree.body if is_for_type_checkers(node))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    declared = {alias.asname: node.module for node in imports for alias in node.names if alias.asname == alias.name}

    assert declared == budwood._HOMES
    assert budwood.__all__ == list(budwood._HOMES)
    assert set(budwood.__all__) <= set(dir(budwood))


FOR_PLUGINS = frozenset(
    "CONTENT_EVENTS JSON MAX_REPLY_BYTES OUTPUT_TOOL Answer Body BodyFile Cell CellDraft ChatRequest Cost Credential "
    "Dataset EmbeddingRequest HTTPCall HTTPReply Instruction KnownFacts ModerationRequest NamedTool OutputSchema "
    "PromptRequest Record RenderedPrompt ReplyHead ResultContent Row SavedReply SourcePassage Timing ToolChoice "
    "ToolDefinition Turn "
    "AttemptFinished AttemptQueued AttemptStarted BreakerChanged CacheFailed CacheHit EndpointFailed FirstToken "
    "Observation ParameterLearned RequestFinished RequestStarted RetryScheduled ToolFinished ToolStarted "
    "AnyMedia BackgroundRequest BatchInput BatchLimits BatchLineResult FileUpload ImageRequest JobKind JobStatus "
    "MediaCompleted MediaEvent MediaFile MediaKind MediaLimits MediaPart MediaRequest ServiceResponse SpeechRequest "
    "StoredReplyAction StricterLimits TranscriptionRequest VideoRequest "
    "Claim Denial CacheCounts CachedItem LeaseState CallFilter CallRecord RecordedFailure UsageTotals".split()
)
"""Types that authors of plugins work with, and programs do not."""


def test_every_type_is_public_or_for_plugins():
    """
    A new type of `budwood.types` must be added to one of the two.
    """
    public = {name for name, home in budwood._HOMES.items() if home == "budwood.types"}

    assert public | FOR_PLUGINS == set(types.__all__)
    assert public.isdisjoint(FOR_PLUGINS)


def test_every_error_is_a_public_name():
    """
    All errors can be imported from `budwood`.
    """
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")}

    assert {name for name, home in budwood._HOMES.items() if home == "budwood.errors"} == classes


@pytest.mark.parametrize("name", sorted(budwood._HOMES))
def test_public_name_is_in_its_module(name):
    """
    The table has the module that defines it.
    """
    assert getattr(budwood, name) is getattr(import_module(budwood._HOMES[name]), name)


def test_name_that_does_not_exist_is_an_attribute_error():
    """
    An unknown name raises AttributeError, as for any module.
    """
    with pytest.raises(AttributeError, match="module 'budwood' has no attribute 'aks'"):
        budwood.aks  # noqa: B018 - the access is what is tested
