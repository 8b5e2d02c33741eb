"""Embeddings: LangChain's suites, and batches within the limits of vendors."""

from __future__ import annotations

import pytest
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from budwood import Client
from budwood_langchain import BudwoodEmbeddings
from budwood_langchain.embeddings import LIMITS
from tests.langchain.embedding_server import EmbeddingServer

KEY = "sk-never-written"


@pytest.fixture
def server():
    """
    A vendor of embeddings.
    """
    with EmbeddingServer() as server:
        yield server


@pytest.fixture
def client(server):
    """
    A client with three providers that use the vendor.
    """
    providers = dict.fromkeys(("local", "gemini", "mistral"), server.provider)
    with Client("local/small", settings={"providers": providers}) as client:
        yield client


@pytest.fixture(autouse=True)
def settings(server, tmp_path, monkeypatch):
    """
    Settings of the program with the provider, for models that create their clients.
    """
    text = "\n".join(f'{name} = "{value}"' for name, value in server.provider.items())
    (tmp_path / "budwood.toml").write_text(f"[providers.local]\n{text}\n")
    monkeypatch.chdir(tmp_path)


class TestUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self):
        return BudwoodEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "local/small"}

    @property
    def init_from_env_params(self):
        return {"BUDWOOD_API_KEY": KEY, "BUDWOOD_MODEL": "local/small"}, {}, {"api_key": KEY, "model": "local/small"}


class TestIntegration(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self):
        return BudwoodEmbeddings

    @property
    def embedding_model_params(self):
        return {"model": "local/small"}


def test_vectors_are_in_the_order_of_the_texts(client, server):
    """
    Texts in several requests get their vectors in order.
    """
    texts = ["x" * number for number in range(1, 12)]

    vectors = BudwoodEmbeddings(client=client, batch_size=4).embed_documents(texts)

    assert [vector[0] for vector in vectors] == list(range(1, 12))
    assert [len(batch) for batch in server.batches] == [4, 4, 3]


async def test_async_texts_are_batched_as_well(server):
    """
    Async calls have the same batches.
    """
    embeddings = BudwoodEmbeddings(model="local/small", batch_size=2)

    vectors = await embeddings.aembed_documents(["a", "bb", "ccc"])

    assert [vector[0] for vector in vectors] == [1, 2, 3]
    assert [len(batch) for batch in server.batches] == [2, 1]


@pytest.mark.parametrize("name", ["gemini", "mistral"])
def test_batches_keep_to_the_limit_of_the_vendor(client, server, name):
    """
    No request has more texts, or more bytes of text, than the vendor accepts.
    """
    texts = ["word " * 20] * 250
    BudwoodEmbeddings(client=client, model=f"{name}/small").embed_documents(texts)

    assert sum(len(batch) for batch in server.batches) == 250
    assert max(len(batch) for batch in server.batches) <= LIMITS[name].texts
    assert max(sum(len(text) for text in batch) for batch in server.batches) <= LIMITS[name].size


def test_short_texts_keep_to_the_number_that_mistral_accepts(client, server):
    """
    Mistral rejects more than 512 texts, however short they are.
    """
    BudwoodEmbeddings(client=client, model="mistral/small").embed_documents(["a"] * 600)

    assert [len(batch) for batch in server.batches] == [512, 88]


def test_long_text_is_a_request_of_its_own(client, server):
    """
    A text that is longer than the limit is sent alone: the vendor decides about it.
    """
    BudwoodEmbeddings(client=client, model="mistral/small").embed_documents(["a", "b" * 20_000, "c"])

    assert [len(batch) for batch in server.batches] == [1, 1, 1]


def test_no_texts_need_no_request(client, server):
    """
    An empty list has no vectors.
    """
    assert BudwoodEmbeddings(client=client).embed_documents([]) == []
    assert server.batches == []


async def test_blocking_client_serves_async_calls(client):
    """
    A blocking client that was passed is used in a thread, so that its settings hold.
    """
    assert await BudwoodEmbeddings(client=client).aembed_query("ab c") == [4.0, 2.0]


def test_dimensions_are_sent(client, server):
    """
    The length of the vectors is a parameter of the request.
    """
    BudwoodEmbeddings(client=client, dimensions=2).embed_query("a")

    assert server.requests[0]["dimensions"] == 2


def test_cache_of_the_client_is_used(server):
    """
    Texts with a stored vector are not sent again.
    """
    with Client("local/small", settings={"providers": {"local": server.provider}}, cache="memory") as client:
        embeddings = BudwoodEmbeddings(client=client)
        embeddings.embed_documents(["a", "b"])
        embeddings.embed_documents(["a", "b", "c"])

    assert server.batches == [["a", "b"], ["c"]]
