"""
The three depths to write a provider at: each example is a plugin that works, and touches nothing outside its package.

Each is made a distribution of its own, in a folder of the test, and asked through the public client.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path

import pytest

from budwood import AsyncClient, Client
from budwood.contracts import PluginContext, Provider
from budwood.errors import (
    AuthenticationError,
    BadResponseError,
    CapacityError,
    ContextLengthError,
    CredentialError,
    NotFoundError,
    PromptError,
    QuotaExhaustedError,
    RateLimitError,
    StreamInterruptedError,
    UnsupportedError,
    UnsupportedParameterError,
)
from budwood.providing import BaseProvider, Parameters
from budwood.testing import FakeClock, chat_chunks, chat_reply, sse
from budwood.types import ChatRequest, ImagePart, Message, ModelRules, TextPart

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples" / "providers"
SECRET = "the-very-secret"


def piece(**fields):
    """
    Make one line of a streamed turn of the vendor Seer.
    """
    return json.dumps(fields).encode() + b"\n"


ANSWERS = {
    "wise": {"answer": "Hello", "end": "complete", "tokens": [9, 2]},
    "seer": {"id": "t1", "pieces": [{"text": "Hello"}], "ended": "done", "read": 9, "written": 2},
    "mint": chat_reply("Hello", usage={"prompt_tokens": 9, "completion_tokens": 2}),
}
STREAMS = {
    "wise": sse({"piece": "Hel"}, {"piece": "lo"}, {"end": "complete", "tokens": [9, 2]}, done=False),
    "seer": [
        piece(id="t1", piece={"text": "Hel"}),
        piece(piece={"text": "lo"}),
        piece(ended="done", read=9, written=2),
    ],
    "mint": sse(*chat_chunks(["Hel", "lo"])),
}
MODELS = {"wise": "wise/wise-1", "seer": "seer/seer-1", "mint": "mint/plain"}
FILES = {"wise": "bare", "seer": "base", "mint": "family", "laboratory-azure": "family"}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """
    Make distributions of the examples: their code as it is, and the metadata by which plugins are found.
    """
    site = tmp_path / "site"
    site.mkdir()
    for file in set(FILES.values()):
        module = f"budwood_example_{file}"
        (site / f"{module}.py").write_text((EXAMPLES / f"{file}.py").read_text("utf-8"), "utf-8")
        metadata = site / f"{module}-0.1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 0.1.0\n", "utf-8")
        entries = "".join(f"{name} = {module}\n" for name in FILES if FILES[name] == file)
        (metadata / "entry_points.txt").write_text(f"[budwood.providers]\n{entries}", "utf-8")
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield lambda name: importlib.import_module(f"budwood_example_{FILES[name]}")
    for name in [name for name in sys.modules if name.startswith("budwood_example_")]:
        del sys.modules[name]


@pytest.fixture
def asking(installed, scripted, clock):
    """
    Make a client of one of the vendors over the scripted transport.
    """

    def make(name, **options):
        return Client(
            MODELS.get(name), **{"api_key": SECRET, "transport": scripted, "clock": clock, "cache": False, **options}
        )

    return make


@pytest.fixture
def context(tmp_path):
    """
    What a plugin gets where nothing is known of any model.
    """
    return PluginContext(
        instance="here",
        rules=lambda _model, **_family: ModelRules(),
        log=lambda _event, **_fields: None,
        clock=FakeClock(),
        cache_folder=tmp_path,
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_question_is_answered(asking, scripted, name):
    """
    Text, usage and finish reason come back in the one form, and the key goes out in the vendor's header alone.
    """
    scripted.reply(200, ANSWERS[name])
    with asking(name) as client:
        reply = client.ask("Hi", temperature=0.5)

    assert (reply.text, reply.provider, reply.finish_reason) == ("Hello", name, "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (9, 2)
    (call,) = scripted.calls
    assert [value.split()[-1] for value in call.headers.values()].count(SECRET) == 1
    assert SECRET not in call.url + call.body.decode()
    assert 0.5 in scripted.sent().values()


@pytest.mark.parametrize("name", MODELS)
def test_an_answer_comes_in_pieces(asking, scripted, name):
    """
    A stream gives the text as it comes, however it is cut, and the same response at its end.
    """
    whole = b"".join(STREAMS[name])
    scripted.reply(200, chunks=STREAMS[name]).reply(200, chunks=[whole[n : n + 3] for n in range(0, len(whole), 3)])
    with asking(name) as client:
        for _ in range(2):
            with client.stream("Hi") as stream:
                assert list(stream.text_deltas()) == ["Hel", "lo"]
            assert (stream.response.text, stream.response.finish_reason) == ("Hello", "stop")
            assert stream.response.usage.output_tokens == 2


@pytest.mark.parametrize("name", MODELS)
def test_async_clients_can_ask_too(installed, scripted, clock, name):
    """
    A translation without I/O serves both drivers.
    """
    scripted.reply(200, ANSWERS[name]).reply(200, chunks=STREAMS[name])

    async def talk():
        async with AsyncClient(
            MODELS[name], api_key=SECRET, transport=scripted.asynchronous, clock=clock, cache=False
        ) as client:
            reply = await client.ask("Hi")
            async with client.stream("Hi") as stream:
                return reply.text, [text async for text in stream.text_deltas()]

    assert asyncio.run(talk()) == ("Hello", ["Hel", "lo"])


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_that_breaks_off_is_an_error(asking, scripted, name):
    """
    Without its end an answer is not whole.
    """
    scripted.reply(200, chunks=STREAMS[name][:1])
    with asking(name, retries=0) as client, client.stream("Hi") as stream, pytest.raises(StreamInterruptedError):
        list(stream)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (429, RateLimitError), (503, CapacityError)])
def test_errors_are_classified(asking, scripted, name, status, kind):
    """
    A status tells the class, also with a body that no API promises.
    """
    scripted.reply(status, "<title>Gateway</title>")
    with asking(name, retries=0) as client, pytest.raises(kind, match="Gateway"):
        client.ask("Hi")


@pytest.mark.parametrize("name", MODELS)
def test_html_in_place_of_an_answer_is_told(asking, scripted, name):
    """
    A 200 that is no reply of the API is a bad response, whole and streamed.
    """
    scripted.reply(200, "<title>Log in</title>").reply(200, "<title>Log in</title>")
    with asking(name, retries=0) as client:
        with pytest.raises(BadResponseError, match="Log in"):
            client.ask("Hi")
        with client.stream("Hi") as stream, pytest.raises((BadResponseError, StreamInterruptedError)):
            list(stream)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_sent_without_a_key(asking, scripted, name):
    """
    The spec says that one is needed, and which variable holds it.
    """
    with asking(name, api_key=None) as client, pytest.raises(CredentialError, match=f"{name.upper()}_API_KEY"):
        client.ask("Hi")
    assert scripted.calls == []


# The bare Protocol.


def test_the_bare_one_inherits_nothing(installed, context):
    """
    Having the methods is enough.
    """
    module = installed("wise")

    assert module.Wise.__mro__ == (module.Wise, object)
    assert isinstance(module.Wise(module.WiseSettings(), context), Provider)


@pytest.mark.parametrize(
    ("status", "word", "kind"), [(404, "no-such-model", NotFoundError), (402, "no-credit", QuotaExhaustedError)]
)
def test_the_vendors_words_are_understood(asking, scripted, status, word, kind):
    """
    A structured code is more exact than the status.
    """
    scripted.reply(status, {"wrong": word, "text": "Sorry."})
    with asking("wise") as client, pytest.raises(kind, match="Sorry"):
        client.ask("Hi")


def test_what_the_vendor_has_not_is_told(asking, scripted):
    """
    Parameters that the vendor does not know are dropped with a receipt, and a conversation is refused before sending.
    """
    scripted.reply(200, ANSWERS["wise"])
    with asking("wise") as client:
        reply = client.ask("Hi", max_tokens=50, seed=3, extra={"mood": "calm"})
        with pytest.raises(UnsupportedError, match="no conversations"):
            client.ask("Hi", system="Be brief.")

    sent = {"model": "wise-1", "question": "Hi", "length": 50, "mood": "calm"}
    assert scripted.sent() == sent
    assert [(receipt.parameter, receipt.action) for receipt in reply.adaptations] == [("seed", "dropped")]
    assert len(scripted.calls) == 1


def test_who_heeds_rules_learns_and_who_does_not_is_not_asked_again(asking, installed, scripted, monkeypatch):
    """
    A refused parameter is learnt by a provider that looks rules up; one that does not is sent nothing twice.
    """
    refusal = {"wrong": "bad", "text": "Unsupported parameter: 'temperature' is not supported."}
    scripted.reply(400, refusal).reply(200, ANSWERS["wise"]).reply(400, refusal)
    with asking("wise") as client:
        assert len(client.ask("Hi", temperature=0.5).attempts) == 2
    assert "temperature" not in scripted.sent()

    def heedless(request, _rules, **_):
        return Parameters({"temperature": request.temperature})

    monkeypatch.setattr(installed("wise"), "adapted", heedless)
    with asking("wise") as client, pytest.raises(UnsupportedParameterError):
        client.ask("Hi", temperature=0.5)
    assert len(scripted.calls) == 3


# The helper base.

PNG = ImagePart(data=b"\x89PNG", media_type="image/png")


def test_the_helper_base_is_inherited(installed):
    """
    The example builds on it.
    """
    assert issubclass(installed("seer").Seer, BaseProvider)


def test_parameters_are_merged_in_order(asking, scripted):
    """
    The caller's come before the catalog's, these before the instance's; `extra` is sent over all.
    """
    settings = {
        "providers": {"seer": {"safety": "strict"}, "mild": {"plugin": "seer", "api_key": SECRET, "safety": "mild"}},
        "models": {"seer/seer-2": {"defaults": {"safety": "none", "heat": 1.5}}},
    }
    for _ in range(5):
        scripted.reply(200, ANSWERS["seer"])
    with asking("seer", settings=settings) as client:
        client.ask("Hi")
        client.ask("Hi", model="mild/seer-1")
        client.ask("Hi", model="seer/seer-2")
        client.ask("Hi", model="seer/seer-2", temperature=0.5, max_tokens=9)
        client.ask("Hi", model="seer/seer-2", temperature=0.5, extra={"heat": 2, "safety": "off"})

    told = [
        {key: scripted.sent(n).get(key) for key in ("safety", "heat", "longest") if key in scripted.sent(n)}
        for n in range(5)
    ]
    assert told == [
        {"safety": "strict"},
        {"safety": "mild"},
        {"safety": "none", "heat": 1.5},
        {"safety": "none", "heat": 0.5, "longest": 9},
        {"safety": "off", "heat": 2},
    ]


def test_images_go_out_in_the_vendors_form(asking, scripted, tmp_path):
    """
    A file, bytes and a data address become pieces of the turn.
    """
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    scripted.reply(200, ANSWERS["seer"]).reply(200, ANSWERS["seer"])
    with asking("seer") as client:
        client.ask("What is it?", files=[tmp_path / "photo.png"])
        client.ask(Message.user("And this?", PNG, ImagePart(url=PNG.data_url)))

    from_file = scripted.sent(0)["turns"][0]["pieces"]
    assert {"image": "iVBORw0KGgo=", "kind": "image/png"} in from_file
    assert scripted.sent()["turns"][0]["pieces"][1:] == [{"image": "iVBORw==", "kind": "image/png"}] * 2


@pytest.mark.parametrize(
    ("image", "kind", "said"),
    [
        (ImagePart(data=b"GIF89a", media_type="image/gif"), UnsupportedError, "reads no image/gif"),
        (ImagePart(data=b"x" * 1_000_001, media_type="image/png"), PromptError, "1,000,001 bytes"),
        (ImagePart(data=b"", media_type="image/png"), PromptError, "empty"),
        (ImagePart(url="https://example.com/a.png"), UnsupportedError, "fetches no images"),
        (ImagePart(url="data:image/png;base64,?"), PromptError, "no base64"),
    ],
)
def test_images_that_the_vendor_does_not_take_are_refused_before_sending(asking, scripted, image, kind, said):
    """
    Kind, size and place of each image are checked against the vendor's limits.
    """
    with asking("seer") as client, pytest.raises(kind, match=said):
        client.ask(Message.user("What is it?", image))
    assert scripted.calls == []


def test_a_model_that_writes_no_text_is_not_asked_for_any(asking, scripted):
    """
    A row that says that a model does not chat is enough for an error that says so.
    """
    settings = {"models": {"seer/seer-paints": {"lacks": ["chat"]}}}
    with asking("seer", settings=settings) as client, pytest.raises(UnsupportedError, match="seer/seer-paints"):
        client.ask("Hi", model="seer/seer-paints")
    assert scripted.calls == []


def test_what_cannot_fit_is_refused_before_sending(asking, scripted):
    """
    Messages that are too long even by half the estimate are not sent; the longer window takes them.
    """
    story = "once upon a time " * 6_000
    scripted.reply(200, ANSWERS["seer"])
    with asking("seer") as client:
        with pytest.raises(PromptError, match="8,000"):
            client.ask(story)
        assert client.ask(story, model="seer/seer-1-long").text == "Hello"
    assert len(scripted.calls) == 1


def test_the_base_checks_for_who_encodes_without_the_engine(installed, context):
    """
    `check` sees to messages and capabilities as well.
    """
    module = installed("seer")
    seer = module.Seer(module.SeerSettings(), context)

    with pytest.raises(PromptError, match="empty"):
        seer.encode(ChatRequest(model="seer-1", messages=(Message.user(" "),)), stream=False)


def test_tools_are_called_and_answered(asking, scripted):
    """
    A call goes out and back in pieces of the vendor's, whole and streamed.
    """

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"rain in {city}"

    call = {"call": "c1", "tool": "weather", "with": '{"city": "Oslo"}'}
    scripted.reply(200, {**ANSWERS["seer"], "pieces": [call], "ended": "calls"}).reply(200, ANSWERS["seer"])
    scripted.reply(200, chunks=[piece(id="t", piece=call), piece(ended="calls")]).reply(200, chunks=STREAMS["seer"])
    with asking("seer") as client:
        reply = client.ask("Weather?", tools=[weather], tool_choice="required")
        with client.stream("Weather?", tools=[weather]) as stream:
            list(stream)

    assert (reply.text, stream.response.text) == ("Hello", "Hello")
    for number in (1, 3):
        assert [turn["pieces"] for turn in scripted.sent(number)["turns"][1:]] == [
            [call],
            [{"result_of": "c1", "text": "rain in Oslo"}],
        ]
    assert [receipt.parameter for receipt in reply.adaptations] == ["tool_choice"]


@pytest.mark.parametrize(("code", "kind"), [("too-long", ContextLengthError), ("busy", CapacityError)])
def test_a_problem_inside_a_200_is_an_error(asking, scripted, code, kind):
    """
    Problems are classified wherever they stand: in a whole reply and in a stream.
    """
    said = {"problem": {"code": code, "text": "Sorry."}}
    scripted.reply(200, said).reply(200, chunks=[piece(**said)])
    with asking("seer", retries=0) as client:
        with pytest.raises(kind, match="Sorry"):
            client.ask("Hi")
        with client.stream("Hi") as stream, pytest.raises(kind, match="Sorry"):
            list(stream)


def test_the_vendors_names_are_learnt_under_ours(asking, scripted):
    """
    A refusal of ``heat`` is one of the temperature, and is learnt.
    """
    problem = {"problem": {"code": "unknown-field", "about": "heat", "text": "There is no heat."}}
    scripted.reply(422, problem).reply(200, ANSWERS["seer"]).reply(200, ANSWERS["seer"])
    with asking("seer") as client:
        replies = [client.ask("Hi", temperature=0.5) for _ in range(2)]

    assert [len(reply.attempts) for reply in replies] == [2, 1]
    assert [receipt.parameter for receipt in replies[1].adaptations] == ["temperature"]
    assert "heat" not in scripted.sent()


# The family.


def test_one_models_thinking_is_written_and_read_in_its_own_way(asking, scripted):
    """
    An effort becomes a number of tokens for the model that wants one, and its thoughts are reasoning; others as ever.
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


def test_the_family_brings_the_rest(asking, scripted):
    """
    Schemas, tools, images, embeddings and models need no line of the vendor's plugin.
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
    On the base for Azure one model's messages are written otherwise where a row says so; addresses and key are Azure's.
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


# Of all of them.


@pytest.mark.parametrize("name", MODELS)
def test_nothing_outside_the_package_knows_the_vendor(asking, scripted, name):
    """
    A plugin that is found by its metadata is all that it takes: nothing of ours names the vendor.
    """
    words = (f'"{name}"', f"'{name}'", f"{name}/")
    files = [
        file
        for folder in ("core/src", "plugins")
        for kind in ("py", "json")
        for file in (ROOT / folder).rglob(f"*.{kind}")
    ]
    naming = [file for file in files if any(word in file.read_text("utf-8") for word in words)]

    assert len(files) > 100
    assert naming == []
    scripted.reply(200, ANSWERS[name])
    with asking(name) as client:
        assert client.ask("Hi").text == "Hello"
