from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.errors import ConfigurationError
from budwood.types import Capability, ChatRequest, EmbeddingRequest, Message
from budwood_azure.addresses import parse_address

HOST = "https://res.openai.azure.com"
REQUEST = ChatRequest(model="my chat", messages=(Message.user("Hello"),))


@pytest.mark.parametrize(
    ("base_url", "version", "address"),
    [
        (HOST, None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/", "2024-10-21", f"{HOST}/openai/deployments/my%20chat/chat/completions?api-version=2024-10-21"),
        (f"{HOST}/openai", "v", f"{HOST}/openai/deployments/my%20chat/chat/completions?api-version=v"),
        (f"{HOST}/openai/v1/", None, f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1", "2024-10-21", f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1", "preview", f"{HOST}/openai/v1/chat/completions?api-version=preview"),
        (
            "https://r.services.ai.azure.com/models",
            "v",
            "https://r.services.ai.azure.com/models/chat/completions?api-version=v",
        ),
        (
            f"{HOST}/openai/deployments/other/chat/completions?api-version=2024-06-01",
            None,
            f"{HOST}/openai/deployments/other/chat/completions?api-version=2024-06-01",
        ),
        (
            "https://gateway.example.org/ai/openai/deployments/other",
            "v",
            "https://gateway.example.org/ai/openai/deployments/other/chat/completions?api-version=v",
        ),
    ],
)
def test_base_url_determines_the_form(azure, base_url, version, address):
    """
    An endpoint, the target of Azure's portal and parts of it result in the same URL.
    """
    provider = azure(base_url=base_url, api_version=version)

    assert provider.encode(REQUEST, stream=False).url == address


@pytest.mark.parametrize(
    ("form", "address"),
    [
        ("deployments", f"{HOST}/openai/deployments/my%20chat/embeddings?api-version=v"),
        ("v1", f"{HOST}/openai/v1/embeddings"),
        ("foundry", f"{HOST}/models/embeddings?api-version=v"),
    ],
)
def test_embedding_urls(azure, form, address):
    """
    Embeddings have URLs in the same form as chats.
    """
    request = EmbeddingRequest(model="my chat", texts=("a",))

    assert azure(form=form, api_version="v").encode_embedding(request).url == address


@pytest.mark.parametrize(
    ("form", "address"), [("deployments", f"{HOST}/openai/models?api-version=v"), ("v1", f"{HOST}/openai/v1/models")]
)
def test_models_url(azure, form, address):
    """
    The list of models belongs to the resource, not to a deployment.
    """
    assert azure(form=form, api_version="v").encode_models().url == address


def test_foundry_lists_no_models(azure):
    """
    Foundry's own addresses have no list of models.
    """
    assert Capability.MODELS not in azure(form="foundry", api_version="v").capabilities


@pytest.mark.parametrize("form", ["deployments", "foundry"])
def test_missing_version(azure, form):
    """
    The forms that require a version name the variable in the error.
    """
    with pytest.raises(ConfigurationError, match="OPENAI_API_VERSION"):
        azure(form=form)


def test_missing_endpoint(azure):
    """
    Without an endpoint, the error names the variable.
    """
    with pytest.raises(ConfigurationError, match="AZURE_OPENAI_ENDPOINT"):
        azure(base_url="")


@given(st.text(min_size=1).filter(lambda name: "/" not in name and name.isprintable()))
def test_deployment_names_are_escaped(name):
    """
    A deployment name is the same after it is written into a URL and parsed.
    """
    try:
        url = parse_address(HOST).url("/chat/completions", name, "deployments", "v")
    except UnicodeEncodeError:
        return
    assert parse_address(url) == (HOST, "deployments", name, "v")


def test_foundry_has_no_responses(azure):
    """
    Only the other forms have the Responses API.
    """
    assert azure().has_responses("chat")
    assert not azure(form="foundry", api_version="v").has_responses("chat")
