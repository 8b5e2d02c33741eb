"""Providers for recorded traffic, and the ledger of replayed recordings."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from budwood.catalog import Catalog
from budwood.contracts import PluginContext
from budwood_anthropic import Anthropic, AnthropicSettings
from budwood_azure import Azure, AzureSettings
from budwood_gemini import Gemini, GeminiSettings
from budwood_groq import Groq, GroqSettings
from budwood_mistral import Mistral, MistralSettings
from budwood_ollama import Ollama, OllamaSettings
from budwood_openai import OpenAI, OpenAISettings
from budwood_openai_compatible import OpenAICompatible, OpenAICompatibleSettings
from budwood_openrouter import OpenRouter, OpenRouterSettings
from budwood_testing import FakeClock
from budwood_xai import XAI, XAISettings
from tests.contract import descriptions
from tests.contract.ledger import Ledger
from tests.contract.sdk_media import Comparison
from tests.servers import LoopbackServer

LEDGER = pytest.StashKey[Ledger]()
DESELECTED = pytest.StashKey[bool]()


def pytest_configure(config):
    """
    Create the ledger.
    """
    config.stash[LEDGER], config.stash[DESELECTED] = Ledger(), False


def pytest_deselected(items):
    """
    Record that not all tests run.
    """
    for item in items:
        item.config.stash[DESELECTED] = True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """
    Run the tests of the ledger last.
    """
    items.sort(key=lambda item: item.path.name == "test_ledger.py")


def pytest_terminal_summary(terminalreporter, config):
    """
    Print the totals if anything was replayed.
    """
    if config.stash[LEDGER].decoded:
        terminalreporter.section("recorded traffic")
        for line in config.stash[LEDGER].make_table():
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def ledger(shared_folder, pytestconfig):
    """
    The ledger in which tests record what they have replayed.
    """
    return pytestconfig.stash[LEDGER]


@pytest.fixture(scope="session")
def runs_all_tests(request):
    """
    Return whether all tests of this folder run, except those that require a vendor's SDK.
    """
    files = {item.path.name for item in request.session.items if item.path.parent == Path(__file__).parent}
    is_filtered = any("::" in argument for argument in request.config.args) or request.config.stash[DESELECTED]
    required = {path.name for path in Path(__file__).parent.glob("test_*.py") if not path.name.endswith("_sdk.py")}
    return not is_filtered and files >= required


@pytest.fixture
def make_context(tmp_path):
    """
    Return a function that creates the context of a plugin, with the rules of the catalog.
    """

    def make(name, *, rules=None, also=()):
        return PluginContext(
            instance=name,
            rules=lambda model: Catalog().rules(name, name, model, fallbacks=also) if rules is None else rules,
            log=lambda _event, **_fields: None,
            clock=FakeClock(),
            cache_folder=tmp_path,
            data_folder=tmp_path,
        )

    return make


@pytest.fixture
def openai(make_context):
    """
    Return a function that creates OpenAI's provider.
    """
    return lambda **settings: OpenAI(OpenAISettings(**settings), make_context("openai"))


@pytest.fixture
def compatible(make_context):
    """
    Return a function that creates the provider of a compatible server.
    """
    settings = OpenAICompatibleSettings(base_url="http://localhost:8000/v1", system_role=None)
    return lambda: OpenAICompatible(settings, make_context("openai-compatible"))


@pytest.fixture
def provider(openai, compatible):
    """
    Return the provider of a recorded chat: OpenAI's, or that of a compatible server.
    """
    return lambda file: openai() if file.startswith("openai-chat") else compatible()


@pytest.fixture
def azure(make_context):
    """
    Return a function that creates Azure's provider for a recorded address.
    """

    def make(url, **settings):
        parts = urlsplit(url)
        version = parse_qs(parts.query).get("api-version", ["2024-10-21"])[0]
        form = "foundry" if parts.path.startswith("/models/") else "v1" if "/openai/v1/" in url else "deployments"
        host = f"{parts.scheme}://{parts.netloc}"
        azure_settings = AzureSettings(base_url=host, api_version=version, form=form, **settings)
        return Azure(azure_settings, make_context("azure", also=("openai",)))

    return make


@pytest.fixture
def responses_provider(request, openai, azure):
    """
    Return the provider of the recorded case, OpenAI's or Azure's, set to Responses.
    """
    case = str(request.node.callspec.params.get("file") or request.node.callspec.params["path"])
    is_azure = "azure" in Path(case).parts
    return (
        azure("https://recorded.openai.azure.com/openai/v1/", api="responses") if is_azure else openai(api="responses")
    )


@pytest.fixture
def groq(make_context):
    """
    Return a function that creates Groq's provider.
    """
    return lambda **settings: Groq(GroqSettings(**settings), make_context("groq"))


@pytest.fixture
def mistral(make_context):
    """
    Return Mistral's provider.
    """
    return Mistral(MistralSettings(), make_context("mistral"))


@pytest.fixture
def xai(make_context):
    """
    Return xAI's provider.
    """
    return XAI(XAISettings(), make_context("xai"))


@pytest.fixture
def openrouter(make_context):
    """
    Return OpenRouter's provider.
    """
    return OpenRouter(OpenRouterSettings(), make_context("openrouter"))


@pytest.fixture
def claude(make_context):
    """
    Return Anthropic's provider.
    """
    return Anthropic(AnthropicSettings(), make_context("anthropic"))


@pytest.fixture
def gemini(make_context):
    """
    Return a function that creates Gemini's provider.
    """
    return lambda **settings: Gemini(GeminiSettings(**settings), make_context("gemini"))


@pytest.fixture
def ollama(make_context):
    """
    Return a function that creates the provider of Ollama's native API.
    """
    return lambda rules=None, **settings: Ollama(OllamaSettings(**settings), make_context("ollama", rules=rules))


@pytest.fixture(scope="module")
def shared_server():
    """
    A local server for all tests of a module, without a proxy, because creating an SDK's client is slow.
    """
    with pytest.MonkeyPatch.context() as patch, LoopbackServer() as server:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        yield server


@pytest.fixture(scope="module")
def sdk_client(request, shared_server):
    """
    The client of a vendor's SDK, which the function `open_sdk` of the module opens.
    """
    with request.module.open_sdk(shared_server.url) as client:
        yield client


@pytest.fixture(scope="module")
def budwood_client(request, shared_server):
    """
    Budwood's client, which the function `open_budwood` of the module opens.
    """
    with request.module.open_budwood(shared_server.url) as client:
        yield client


@pytest.fixture
def compare(request, shared_server):
    """
    Compare what two functions send, except for what the function `normalize_sent` of the module removes.
    """
    return Comparison(shared_server, normalize=getattr(request.module, "normalize_sent", lambda sent: sent))


@pytest.fixture(scope="session")
def openai_schemas(shared_folder):
    """
    OpenAI's description of its API, relaxed to accept what clients send.
    """
    return descriptions.load(shared_folder / "specs" / "openai" / "openapi.yaml")
