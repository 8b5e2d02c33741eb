"""The chat model without a server."""

from __future__ import annotations

import pickle

from langchain_core.load import dumps

from budwood_langchain import ChatBudwood

KEY = "sk-never-written"


def test_model_answers():
    """
    A text is a prompt, and the reply has a text, its usage and the model.
    """
    reply = ChatBudwood(model="offline/extractive").invoke("What grows on branches? Buds grow on branches.")

    assert reply.content == "Buds grow on branches."
    assert reply.usage_metadata["total_tokens"] > 0
    assert reply.response_metadata["model_name"] == "offline/extractive"


async def test_model_answers_async_calls():
    """
    `ainvoke` uses an async client.
    """
    reply = await ChatBudwood(model="offline/extractive").ainvoke("What grows on branches? Buds grow on branches.")

    assert reply.content == "Buds grow on branches."


def test_key_is_not_saved():
    """
    Neither a pickle nor LangChain's form of a saved model contains the key.
    """
    model = ChatBudwood(model="offline/extractive", api_key=KEY)

    saved = pickle.dumps(model)

    assert KEY.encode() not in saved
    assert KEY not in dumps(model) + repr(model)
    assert pickle.loads(saved).model == "offline/extractive"
