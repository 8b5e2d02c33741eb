"""Datasets contain answers only: no reasoning in the text, and no tokens of a chat template."""

from __future__ import annotations

import json

import pytest

from budwood_generation import generate
from budwood_generation.runs.answer_text import answer_text
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows, row_spec

LOCAL = {"answerer": "local/tiny", "turns": 1}

LEFT_IN_THE_TEXT = [
    pytest.param("<think>Hm.</think>\n\n{0}", id="block"),
    pytest.param("\n<think>\nHm.\n\nWait.\n</think>\n{0}", id="block of several lines"),
    pytest.param("<think>\n\n</think>\n\n{0}", id="empty block"),
    pytest.param("Hm, the user asks.\n</think>\n\n{0}", id="opened by the chat template"),
    pytest.param("Hm.</think>{0}", id="opened by the chat template, on one line"),
    pytest.param("<think>a</think><think>b</think>{0}", id="two blocks"),
    pytest.param("<think>a <think> b</think> c</think>{0}", id="nested blocks"),
    pytest.param("<THINK>Hm.</THINK>{0}", id="capitals"),
    pytest.param("<thinking>Hm.</thinking>\n{0}", id="thinking"),
    pytest.param("<thought>Hm.</thought>\n{0}", id="thought"),
    pytest.param("<reasoning>Hm.</reasoning>\n{0}", id="reasoning"),
    pytest.param("[THINK]Hm.[/THINK]{0}", id="Magistral"),
    pytest.param("◁think▷Hm.◁/think▷{0}", id="Kimi"),
    pytest.param("<seed:think>Hm.</seed:think>{0}", id="Seed"),
    pytest.param(
        "<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>{0}<|end_of_solution|>", id="OpenThinker"
    ),
    pytest.param(
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{0}<|return|>",
        id="gpt-oss",
    ),
    pytest.param("{0}\n<think>Was that right?</think>", id="block at the end"),
    pytest.param("{0}\n<think>Was that", id="block at the end that is never closed"),
    pytest.param("{0}<|im_end|>", id="Qwen's end of turn"),
    pytest.param("<think>Hm.</think>{0}<|eot_id|><|end_of_text|>", id="two tokens"),
    pytest.param("{0}<\uff5cend\u2581of\u2581sentence\uff5c>", id="DeepSeek's end of sentence"),
    pytest.param("{0}</s>", id="end of sequence"),
]

REASONING_ONLY = ["<think>Hm", "<think>Hm.</think>\n", "Hm.\n</think>", "<|channel|>analysis<|message|>Hm"]


@pytest.mark.parametrize("reply", LEFT_IN_THE_TEXT)
def test_rows_contain_only_the_answer(tmp_path, reply):
    """
    Reasoning is removed from questions and answers, in each form that models write it.
    """
    with ChatServer(lambda _body: reply.format("Tea is green.")) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=1), settings=server.settings)

    contents = [message["content"] for message in read_rows(report.output)[0]["messages"]]
    assert contents == ["Tea is green.", "Tea is green."]


def test_later_turns_do_not_repeat_the_reasoning_of_earlier_ones(tmp_path):
    """
    The history of later turns contains no reasoning, also after a run is resumed.
    """
    job = {"answerer": "local/tiny", "turns": 3}
    with ChatServer(lambda _body: "<think>Hm.</think>Tea is green.") as server:
        report = generate(conversation_spec(tmp_path, job=job, rows=2), settings=server.settings)

    assert report.complete
    assert "Hm." not in json.dumps(server.requests)


@pytest.mark.parametrize("reply", REASONING_ONLY)
def test_a_row_without_an_answer_fails(tmp_path, reply):
    """
    A row fails with a reason if its reasoning block does not end, or if nothing follows it.
    """
    with ChatServer(lambda _body: reply) as server:
        report = generate(conversation_spec(tmp_path, job=LOCAL, rows=1), settings=server.settings)

    assert report.rows == 0
    assert "contains only reasoning" in report.failures[0].reason


def test_values_are_read_after_the_reasoning(tmp_path):
    """
    A structured row has the value of the answer, not a draft inside the reasoning.
    """
    draft, value = '{"subject": "x", "fact": "y"}', '{"subject": "tea", "fact": "green"}'
    job = {"model": "local/tiny"}
    with ChatServer(lambda _body: f"<think>{draft}</think>{value}") as server:
        report = generate(row_spec(tmp_path, job=job, rows=1), settings=server.settings)

    assert read_rows(report.output)[0]["value"] == json.loads(value)


@pytest.mark.parametrize(
    "text",
    [
        "DeepSeek writes <think> and </think> around its reasoning.",
        "The tag `</think>` ends it.",
        'It ends with "</think>".',
        "a < b, b > c, and <b>bold</b>",
        "Use <|im_end|> with care.",
    ],
)
def test_tags_inside_a_line_remain(text):
    """
    Tags inside a line are text: only a block at the start of a line is reasoning.
    """
    assert answer_text(text) == text


@pytest.mark.parametrize("text", ["<think>", "</think>", "a <think>", "<think></think>", "<|a|> ", " ", "\n", "`<"])
def test_long_texts_are_read_in_linear_time(text):
    """
    A text of a million characters is read in linear time.
    """
    assert len(answer_text(text * 100_000 + "x")) <= len(text) * 100_000 + 1
