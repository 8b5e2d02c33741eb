"""Query engines and agents of LlamaIndex with our LLM and embeddings."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.tools import FunctionTool

from budwood_llama_index import BudwoodEmbedding
from tests.llama_index.vendor import KEY

TEXTS = ("Grafting joins two plants.", "A budget limits the price of calls.")


@pytest.fixture
def embedding(vendor):
    """
    Our embedding model on the vendor.
    """
    embedding = BudwoodEmbedding(model="openai-compatible/vectors", api_key=KEY, base_url=vendor.url)
    yield embedding
    embedding.close()


def test_texts_are_embedded_in_batches(embedding, vendor):
    """
    A batch is one request, and the vectors are in the order of the texts.
    """
    embedding.embed_batch_size = 2

    vectors = embedding.get_text_embedding_batch([*TEXTS, "plants plants"])

    assert [request["input"] for request in vendor.requests] == [list(TEXTS), ["plants plants"]]
    assert vectors == [[1.1, 1.1, 0.1, 0.1], [0.1, 0.1, 1.1, 1.1], [2.1, 0.1, 0.1, 0.1]]


def test_embeddings_are_the_same_in_all_forms(embedding):
    """
    Queries and texts, blocking and asynchronous.
    """

    async def embed():
        return [
            await embedding.aget_query_embedding("plants"),
            await embedding.aget_text_embedding("plants"),
            *await embedding.aget_text_embedding_batch(["plants"]),
        ]

    vectors = [embedding.get_query_embedding("plants"), embedding.get_text_embedding("plants"), *asyncio.run(embed())]

    assert vectors == [[1.1, 0.1, 0.1, 0.1]] * 5


def test_dimensions_are_sent(vendor):
    """
    For models that support several.
    """
    embedding = BudwoodEmbedding(
        model="openai-compatible/vectors", api_key=KEY, base_url=vendor.url, dimensions=2, options={"label": "index"}
    )
    embedding.get_text_embedding("plants")
    embedding.close()

    assert vendor.requests[0]["dimensions"] == 2


def test_serialized_embedding_model_has_no_key(embedding):
    """
    Its dictionary and its pickle can be loaded.
    """
    assert KEY not in f"{embedding!r}{embedding.to_json()}"
    assert KEY.encode() not in pickle.dumps(embedding)
    assert BudwoodEmbedding.from_dict(embedding.to_dict()).to_dict() == embedding.to_dict()
    assert pickle.loads(pickle.dumps(embedding)).model_name == "openai-compatible/vectors"


def test_query_engine_answers_from_the_nearest_text(embedding, make_llm):
    """
    The index finds the text by its vector, and the LLM gets it.
    """
    index = VectorStoreIndex.from_documents([Document(text=text) for text in TEXTS], embed_model=embedding)
    llm = make_llm()

    answer = index.as_query_engine(llm=llm, similarity_top_k=1).query("What joins plants?")
    async_answer = asyncio.run(index.as_query_engine(llm=llm, similarity_top_k=1).aquery("What joins plants?"))
    streamed = index.as_query_engine(llm=llm, similarity_top_k=1, streaming=True).query("What joins plants?")

    assert [node.text for node in answer.source_nodes] == [TEXTS[0]]
    assert TEXTS[0] in str(answer)
    assert "".join(streamed.response_gen) == str(answer) == str(async_answer)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # workflows read deprecated attributes of Pydantic
def test_agent_calls_a_tool_and_answers(make_llm, vendor):
    """
    The agent gets the call in a stream, runs the tool, and sends its result with the call.
    """

    def weather(city: str) -> str:
        """
        Return the weather of a city.
        """
        return f"It rains in {city}."

    agent = FunctionAgent(tools=[FunctionTool.from_defaults(weather)], llm=make_llm(), system_prompt="Be brief.")

    async def run():
        handler = agent.run("Weather in Oslo")
        deltas = [event.delta async for event in handler.stream_events() if isinstance(event, AgentStream)]
        return await handler, deltas

    output, deltas = asyncio.run(run())

    assert str(output) == "".join(deltas) == "You said: It rains in Oslo."
    assert [call.tool_output.content for call in output.tool_calls] == ["It rains in Oslo."]
    assert [message["role"] for message in vendor.requests[1]["messages"]] == ["system", "user", "assistant", "tool"]
