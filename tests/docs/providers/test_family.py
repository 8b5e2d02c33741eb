"""Providers on a family base, with differences for one model."""

from __future__ import annotations

from budwood import Client
from budwood.types import Message, TextPart
from budwood_testing import chat_chunks, chat_reply, sse
from tests.docs.providers.conftest import PNG, SECRET


def test_thinking_of_one_model_is_encoded_and_decoded_differently(asking, scripted):
    """
    For one model, the effort becomes a number of tokens and its thoughts become reasoning; others are unchanged.
    """
    thoughts = {"thoughts": [{"text": "Hm"}, {"text": "m."}]}
    scripted.reply(200, chat_reply("Hello", **thoughts)).reply(200, chat_reply("Hello"))
    chunks = [{"id": "c", "choices": [{"index": 0, "delta": thoughts}]}, *chat_chunks(["Hello"])]
    scripted.reply(200, chunks=sse(*chunks))
    with asking("mint") as client:
        thought = client.ask("Hi", model="mint/muse-1", reasoning_effort="low")
        plain = client.ask("Hi", model="mint/plain", reasoning_effort="low")
        with client.stream("Hi", model="mint/muse-1", reasoning_effort="low") as stream:
            list(stream)

    assert (scripted.sent(0)["thinking"], scripted.sent(1)["reasoning_effort"]) == ({"tokens": 1_000}, "low")
    assert "reasoning_effort" not in scripted.sent(0)
    assert [(one.parameter, one.action) for one in thought.adaptations] == [("reasoning_effort", "changed")]
    assert plain.adaptations == ()
    assert (thought.reasoning, stream.response.reasoning) == ("Hmm.", "Hmm.")
    assert thought.message.parts[1] == TextPart(text="Hello")


def test_the_base_class_does_the_rest(asking, scripted):
    """
    Schemas, tools, images, embeddings and models need no code in the vendor's plugin.
    """

    def act() -> str:
        """Do it."""
        return "done"

    scripted.reply(200, chat_reply('{"n": 1}'))
    scripted.reply(200, {"data": [{"index": 0, "embedding": [0.5, 1.0]}]})
    scripted.reply(200, {"data": [{"id": "muse-1"}]})
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    with asking("mint") as client:
        reply = client.ask(Message.user("See.", PNG), tools=[act], schema=schema)
        assert reply.parsed == {"n": 1}
        assert client.embed(["a"], model="mint/vectors").vectors == ((0.5, 1.0),)
        assert [model.id for model in client.models("mint")] == ["muse-1"]

    sent = scripted.sent(0)
    assert sent["tools"][0]["function"]["name"] == "act"
    assert sent["messages"][0]["content"][1]["image_url"]["url"] == PNG.data_url


def test_a_deployment_that_takes_no_system_message(installed, scripted, clock):
    """
    On the base for Azure, a trait changes the messages of one deployment; URL and key are those of Azure.
    """
    settings = {
        "providers": {
            "laboratory-azure": {
                "base_url": "https://lab.openai.azure.com", "api_version": "2024-10-21", "api_key": SECRET,
            }
        },
        "models": {"laboratory-azure/old-*": {"traits": ["no_system"]}},
    }  # fmt: skip
    scripted.reply(200, chat_reply("Hi")).reply(200, chunks=sse(*chat_chunks(["Hi"]))).reply(200, chat_reply("Hi"))
    with Client("laboratory-azure/old-1", settings=settings, transport=scripted, clock=clock, cache=False) as client:
        reply = client.ask("Hello", system="Be brief.")
        with client.stream("Hello", system="Be brief.") as stream:
            list(stream)
        other = client.ask("Hello", model="laboratory-azure/new-1", system="Be brief.")

    roles = [[message["role"] for message in scripted.sent(number)["messages"]] for number in range(3)]
    assert roles == [["user", "user"], ["user", "user"], ["system", "user"]]
    assert [(one.parameter, one.action) for one in reply.adaptations] == [("messages", "changed")]
    assert (len(stream.response.adaptations), other.adaptations) == (1, ())
    assert scripted.calls[0].url.startswith("https://lab.openai.azure.com/openai/deployments/old-1/chat/completions")
    assert scripted.calls[0].headers["api-key"] == SECRET
