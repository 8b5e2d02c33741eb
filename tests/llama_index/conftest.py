"""A vendor on loopback, and the LLM under test beside LlamaIndex's own on the same vendor."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from llama_index.llms.openai_like import OpenAILike

from budwood_llama_index import Budwood
from tests.llama_index.vendor import KEY, Vendor


@pytest.fixture
def vendor():
    """
    A new vendor, whose requests are empty.
    """
    with Vendor() as vendor:
        yield vendor


@pytest.fixture(autouse=True)
def own_vocabulary(monkeypatch):
    """
    LlamaIndex counts tokens with the vocabulary in its package, unless tiktoken has a folder for downloads.
    """
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)


@pytest.fixture
def run():
    """
    Run coroutines in one event loop.
    """
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture
def make_llm(vendor):
    """
    Build our LLM on the vendor. Its clients are closed in the end.
    """
    created = []

    def make(**arguments):
        if not {"client", "async_client"} & arguments.keys():
            arguments = {"api_key": KEY, "base_url": vendor.url, **arguments}
        created.append(Budwood(**{"model": "openai-compatible/tiny", **arguments}))
        return created[-1]

    yield make
    for llm in created:
        llm.close()


@pytest.fixture
def make_other(vendor, run):
    """
    Build LlamaIndex's own LLM on the vendor. It does not close its clients.
    """
    with httpx.Client() as client:
        async_client = httpx.AsyncClient()

        def make(**arguments):
            base = {"model": "tiny", "api_base": vendor.url, "api_key": KEY, "max_retries": 0}
            clients = {"http_client": client, "async_http_client": async_client}
            kind = {"is_chat_model": True, "is_function_calling_model": True}
            return OpenAILike(**{**base, **clients, **kind, **arguments})

        yield make
        run(async_client.aclose())


@pytest.fixture(params=["Budwood", "OpenAILike"])
def either(request):
    """
    Build one of both LLMs, by arguments that both have.
    """
    return request.getfixturevalue("make_llm" if request.param == "Budwood" else "make_other")
