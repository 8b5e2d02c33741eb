from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from budwood import AsyncClient, Client
from budwood.errors import InvalidRequestError, NotFoundError, UnsupportedError
from budwood_offline.provider import NO_CONTEXT
from budwood_offline.sentences import normalise, split_sentences
from budwood_offline.tokens import count_tokens

MODEL = "offline/extractive"
TEXT = Path(__file__).with_name("passages.md").read_text(encoding="utf-8")
PASSAGES = [part for part in re.split(r"^# .+$", TEXT, flags=re.MULTILINE) if part.strip()]
BEES = next(part for part in PASSAGES if "honey bee" in part)
KEYS = "Keys rotate in turn. A refused key is taken out. An exhausted key rests until its reset."


class Person(BaseModel):
    name: str
    age: int
    city: str | None = None


class Summary(BaseModel):
    summary: str


@pytest.fixture
def offline():
    """
    A client of the offline model, without a cache.
    """
    with Client(MODEL, cache=False) as client:
        yield client


def about(passage, request):
    """
    Return a prompt with a passage.
    """
    return f"<passage>\n{passage}\n</passage>\n\n{request}"


@pytest.mark.parametrize("passage", PASSAGES)
def test_an_answer_is_one_or_two_sentences_of_its_passage(offline, passage):
    """
    An answer consists of complete sentences of the passage.
    """
    sentences = split_sentences(passage)

    answer = offline.ask(about(passage, "What is the most important thing here?")).text

    answer_sentences = split_sentences(answer)
    assert 1 <= len(answer_sentences) <= 2
    assert set(answer_sentences) <= set(sentences)


def test_an_answer_matches_its_question(offline):
    """
    The sentence that contains the answer is selected.
    """
    assert "2,000 eggs" in offline.ask(about(BEES, "How many eggs does the queen lay?")).text
    assert offline.ask(f"{KEYS} What happens to a refused key?").text == "A refused key is taken out."


def test_settings_limit_the_sentences_of_an_answer():
    """
    An instance with `sentences = 1` answers with one sentence.
    """
    section = {"plugin": "offline", "sentences": 1}
    with Client("terse/extractive", settings={"providers": {"terse": section}}, cache=False) as terse:
        for passage in PASSAGES:
            assert len(split_sentences(terse.ask(about(passage, "What happens?")).text)) == 1


@pytest.mark.parametrize("passage", PASSAGES)
def test_a_question_is_asked_about_the_passage(offline, passage):
    """
    A request for a question gets one that the passage can answer.
    """
    question = offline.ask(about(passage, "Ask one question that the passage answers."), seed=1).text

    assert question.endswith("?")
    assert offline.ask(about(passage, question)).text != NO_CONTEXT


def test_questions_of_a_conversation_differ_and_so_do_their_answers(offline):
    """
    If the request contains the conversation so far, no question and no sentence of an answer is repeated.
    """
    turns = []
    for _ in range(5):
        so_far = "\n".join(f"User: {question}\nAssistant: {answer}" for question, answer in turns)
        question = offline.ask(about(BEES, f"Conversation so far:\n{so_far}\n\nAsk the next question."), seed=1).text
        messages = [{"role": "system", "content": about(BEES, "Answer from this passage alone.")}]
        for earlier, answer in turns:
            messages += [
                {"role": "user", "content": earlier},
                {"role": "assistant", "content": answer},
            ]
        turns.append((question, offline.ask([*messages, {"role": "user", "content": question}]).text))

    sentences = [sentence for _, answer in turns for sentence in split_sentences(answer)]
    assert len({question for question, _ in turns}) == 5
    assert len(set(sentences)) == len(sentences)
    assert set(sentences) <= set(split_sentences(BEES))


def test_a_chat_returns_every_sentence_once(offline):
    """
    After all sentences were returned, the reply is a fixed message; no sentence is repeated.
    """
    chat = offline.chat(system=about(KEYS, "Answer from this passage."))
    answers = [chat.ask("What happens to a key?").text for _ in range(5)]

    assert sorted(answers[:3]) == sorted(split_sentences(KEYS))
    assert answers[3] == answers[4] == "The text has no further sentences."


def test_the_seed_decides_which_question_is_asked(offline):
    """
    The same seed gives the same question in every client; other seeds give others.
    """
    prompt = about(BEES, "Ask a question.")
    questions = [offline.ask(prompt, seed=seed).text for seed in range(20)]

    with Client(MODEL, cache=False) as other:
        assert [other.ask(prompt, seed=seed).text for seed in range(20)] == questions
    assert len(set(questions)) >= 15


@pytest.mark.parametrize("request_text", ["Ask a question.", "What does the queen lay?"])
def test_a_stream_gives_the_same_reply(offline, request_text):
    """
    A stream has the same text and usage, in several deltas.
    """
    prompt = about(BEES, request_text)
    plain = offline.ask(prompt, seed=3)

    with offline.stream(prompt, seed=3) as stream:
        deltas = list(stream.text_deltas())

    assert len(deltas) > 1
    assert "".join(deltas) == stream.response.text == plain.text
    assert stream.response.usage == plain.usage
    assert stream.response.metadata == plain.metadata


def test_both_clients_give_the_same_reply(offline):
    """
    Both clients give the same reply, streamed or not.
    """
    prompt = about(BEES, "Ask a question.")

    async def ask():
        async with AsyncClient(MODEL, cache=False) as client:
            async with client.stream(prompt, seed=4) as stream:
                streamed = "".join([delta async for delta in stream.text_deltas()])
            return (await client.ask(prompt, seed=4)).text, streamed

    assert asyncio.run(ask()) == (offline.ask(prompt, seed=4).text,) * 2


def test_max_tokens_truncates_the_reply(offline):
    """
    A truncated reply has the finish reason `length`, and is the beginning of the full one.
    """
    prompt = about(BEES, "What does the queen lay?")
    full, cut = offline.ask(prompt), offline.ask(prompt, max_tokens=3)

    assert (full.finish_reason, cut.finish_reason) == ("stop", "length")
    assert full.text.startswith(cut.text)
    assert cut.usage.output_tokens == count_tokens(cut.text) == 3


def test_a_stop_sequence_ends_the_reply_before_it(offline):
    """
    The first stop sequence found ends the reply, and is not part of it.
    """
    reply = offline.ask(f"{KEYS} What happens to a refused key?", stop=["out", " is taken"])

    assert (reply.text, reply.finish_reason) == ("A refused key", "stop")


def test_usage_counts_input_and_output(offline):
    """
    Input and output tokens are those of the messages and of the reply.
    """
    prompt = about(BEES, "What does the queen lay?")
    reply = offline.ask(prompt)

    assert reply.usage.input_tokens == count_tokens(prompt)
    assert reply.usage.output_tokens == count_tokens(reply.text)


def test_metadata_marks_replies_as_not_from_a_language_model(offline):
    """
    The metadata distinguishes a reply from one of a language model.
    """
    assert offline.ask("Hello").metadata["language_model"] is False
    assert offline.ask(about(BEES, "Ask a question.")).metadata["language_model"] is False


@pytest.mark.parametrize("prompt", ["Why is the sky blue?", "Hello", "今日は天気がいいですか?"])
def test_without_a_context_the_reply_is_fixed(offline, prompt):
    """
    Without a text, the reply is a fixed message.
    """
    assert offline.ask(prompt).text == NO_CONTEXT


def test_a_pydantic_model_is_filled_from_the_context(offline):
    """
    The values come from the text.
    """
    assert offline.ask("Ada, 36, London", schema=Person).parsed == Person(name="Ada", age=36, city="London")
    assert offline.ask("Name: Ada Lovelace\nAge: 36", schema=Person).parsed.name == "Ada Lovelace"


def test_missing_values_of_a_json_schema_are_listed(offline):
    """
    The metadata lists the paths of values that are not in the text.
    """
    schema = {
        "type": "object",
        "properties": {"price": {"type": "number"}, "mail": {"type": "string", "format": "email"}},
        "required": ["price", "mail"],
    }

    reply = offline.ask("The lamp costs 12.50 EUR.", schema=schema)

    assert reply.parsed["price"] == 12.5
    assert reply.metadata["missing"] == ["$.mail"]
    assert json.loads(reply.text) == reply.parsed


def test_an_unsatisfiable_schema_is_an_error(offline):
    """
    The error names the path, has a hint, and is raised before any event of a stream.
    """
    age = {"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}
    schema = {"type": "object", "properties": {"age": age}, "required": ["age"]}

    with pytest.raises(InvalidRequestError, match=r"\$\.age: no further value satisfies") as caught:
        offline.ask("Ada, 36", schema=schema)
    assert caught.value.hint

    events = []
    with pytest.raises(InvalidRequestError), offline.stream("Ada, 36", schema=schema) as stream:
        events.extend(stream)
    assert events == []


def test_an_unknown_model_is_not_found(offline):
    """
    The error names the models.
    """
    with pytest.raises(NotFoundError, match="has no model 'gpt'") as caught:
        offline.ask("Hello", model="offline/gpt")

    assert "offline/extractive" in str(caught.value.hint)


def test_tools_are_rejected(offline):
    """
    A request with tools is an error before anything is sent.
    """

    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    with pytest.raises(UnsupportedError, match="tools"):
        offline.ask("What is the weather in Oslo?", tools=[weather])


def test_models_are_listed(offline):
    """
    The list of models has those for text and for media.
    """
    models = offline.models()

    assert {model.provider for model in models} == {"offline"}
    assert [model.id for model in models] == ["extractive", "image", "speech", "transcription", "video"]


@pytest.mark.parametrize(
    ("passage", "question", "answer"),
    [
        ("今日は雨です。明日は晴れます。", "明日は?", "明日は晴れます。"),
        ("今天下雨。明天天气晴朗。", "明天天气怎么样?", "明天天气晴朗。"),
        ("วันนี้ฝนตก", "วันนี้เป็นอย่างไร?", "วันนี้ฝนตก"),
        ("Der Hund schläft. Die Katze jagt Mäuse.", "Was jagt die Katze?", "Die Katze jagt Mäuse."),
    ],
)
def test_other_languages_are_supported(offline, passage, question, answer):
    """
    Sentences are found in scripts without spaces, too.
    """
    assert offline.ask(about(passage, question)).text == answer
    assert offline.ask(about(passage, "Ask a question.")).text


HOSTILE = [
    "\0\x01\x1b[31m red",
    "\ud800 half",
    "a\u200db",
    "e\u0301" * 9,
    "\u2028\u2029",
    "\U0001f600",
    "```",
    "<passage>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_unusual_characters_are_accepted(offline, text):
    """
    Control characters, lone surrogates and broken markup cause no error.
    """
    for request_text in ("What is it?", "Ask a question."):
        assert offline.ask(about(f"{text} {KEYS}", request_text)).text
    filled = offline.ask(about(f"{text} keys rotate in turn.", "Fill it."), schema=Summary)
    assert "keys rotate" in filled.parsed.summary


@settings(deadline=None, max_examples=25)
@given(st.text(), st.text(min_size=1), st.integers(0, 2**32))
def test_any_prompt_is_answered(passage, request_text, seed):
    """
    Any prompt gets a reply, and the same one the second time.
    """
    prompt = about(passage, f"{request_text}.")
    with Client(MODEL, cache=False) as client:
        reply = client.ask(prompt, seed=seed)

        assert reply.text
        assert client.ask(prompt, seed=seed).text == reply.text


ENDLESS = [
    "a ", "(", "|", "| ", "`", "```\n", "~~~\n", "*", "_", "[", "[a](", "<", "<passage>", "#", "\n", "a\n\n", ".",
    "a. ", "e.g. ", "question: ", "Passage: x\n", "already asked ", "ask a question ", "1", "1,000", "if ", "\u201c",
    "a@a.", "http://", "\u3042", "age: 36, ", "Ada of ", ":a", "\\",
]  # fmt: skip


def _effort(offline, unit, length):
    """
    Count the function calls, of Python and C, of three requests about a text that repeats itself.
    """
    text = (unit * length)[:length]
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for request_text in ("What happens to a key?", "Ask a question."):
            offline.ask(about(text, request_text))
        offline.ask(about(text, "Fill it."), schema=Person)
    finally:
        sys.setprofile(before)
    return calls


@pytest.mark.parametrize("unit", ENDLESS)
def test_time_is_linear_in_the_length_of_the_text(offline, unit):
    """
    A text eight times as long takes about eight times as many calls.

    Steps inside regular expressions are not counted here; `tests/benchmarks/run.py` measures them.
    """
    _effort(offline, unit, 100)
    short = _effort(offline, unit, 2_000)

    assert _effort(offline, unit, 16_000) < 9 * short


def test_a_megabyte_is_processed(offline):
    """
    A question and an answer can be generated from a text of a megabyte.
    """
    book = "".join(f"The key {number} opens door {number * 7 % 9973} of the house. " for number in range(20_000))

    assert offline.ask(about(book, "What does key 17777 open?")).text.startswith("The key 17777 opens door")
    question = offline.ask(about(book, "Ask a question."), seed=5).text
    assert normalise(question).endswith("?")
