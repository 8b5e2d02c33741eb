from __future__ import annotations

import json
from decimal import Decimal

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import GenerationSpec, generate, make_plan, resume
from budwood_generation.journal import read_totals
from tests.chat_server import ChatServer, completion, failure
from tests.datasets import FACT, conversation_spec, read_rows, row_spec, table

JOB = {"answerer": "local/tiny", "turns": 1}
PRICES = {"models": {"local/*": {"prices": {"input": 1, "output": 1}}}}
EACH = Decimal("0.000016")
"""The cost of a reply of the server, with 11 and 5 tokens at $1 per million."""


def settings_of(server):
    """Return the settings of a server whose tokens have a price."""
    return server.settings | PRICES


def totals(spec: GenerationSpec):
    """Return the totals of a specification's journal."""
    return read_totals(spec.run_folder / "journal.sqlite")


def every(number, fault):
    """Return a fault for one of this number of requests."""
    return lambda count, body: fault(body) if count % number == 0 else None


def cut(body):
    """Truncate a reply at its token limit."""
    reply = completion(body["model"], "This is cut")
    reply["choices"][0]["finish_reason"] = "length"
    return lambda handler: handler.send(200, reply)


def say(text):
    """Return a fault that answers with a text."""
    return lambda body: lambda handler: handler.send(200, completion(body["model"], text))


def malformed(_body):
    """Return a fault that answers with broken JSON."""

    def send(handler):
        handler.send_head(200, 9, {})
        handler.wfile.write(b'{"choices')

    return send


UNUSABLE = {"cut": cut, "empty": say(""), "endless": say("<think>Hm."), "only reasoning": say("<think>Hm.</think>")}


def by_seed(fault):
    """Return a fault for a fifth of all requests, which answers the same seed in the same way."""
    return lambda _number, body: fault(body) if body["seed"] % 5 == 0 else None


@pytest.mark.parametrize("fault", UNUSABLE.values(), ids=UNUSABLE)
def test_rejected_replies_are_requested_again_with_another_seed(tmp_path, fault):
    """
    A fifth of the seeds leads to unusable replies. All rows are created, and no request is sent twice.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=20, attempts=6)

    with ChatServer(fault=by_seed(fault)) as server:
        report = generate(spec, settings=server.settings)

    seeds = [body["seed"] for body in server.requests]
    assert (report.complete, report.failures) == (True, ())
    assert report.rejected == len([seed for seed in seeds if seed % 5 == 0]) > 0
    assert len(set(seeds)) == len(seeds)


def test_malformed_replies_are_requested_again(tmp_path):
    """
    Broken JSON from a server that otherwise answers costs no row. Few in a row do not open the breaker.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=20, concurrency=4, attempts=6)

    def fault(count, body):
        return every(5, malformed)(count, body) if count <= 25 else None  # five, so that they may all be of one row

    with ChatServer(fault=fault) as server:
        report = generate(spec, settings=server.settings | {"options": {"retries": 0}})

    assert (report.complete, report.failures) == (True, ())
    assert report.rejected > 0


def test_the_cost_of_rejected_replies_is_counted(tmp_path):
    """
    They were paid. The journal has each of them, with its reason.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=20, attempts=9)

    with ChatServer(fault=every(3, cut)) as server:
        report = generate(spec, settings=settings_of(server))

    assert report.calls == len(server.requests)
    assert report.cost == len(server.requests) * EACH
    assert (totals(spec).calls, totals(spec).cost) == (report.calls, report.cost)


def test_the_cost_of_earlier_sessions_is_counted(tmp_path):
    """
    The report of a run that was resumed has the totals of all sessions.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=20)

    with ChatServer(fault=lambda number, body: cut(body) if number > 20 else None) as server:
        first = generate(spec, settings=settings_of(server))
        cut_requests = len(server.requests)
    with ChatServer() as server:
        second = resume(spec.run_folder, settings=settings_of(server))

    assert not first.complete
    assert second.complete
    assert second.calls == len(server.requests)
    assert second.total_calls == cut_requests + len(server.requests)
    assert second.total_cost == first.cost + second.cost == second.total_calls * EACH


def test_repairs_of_values_are_counted(tmp_path):
    """
    A reply that does not satisfy the schema is paid, also if the repair succeeds or fails.
    """
    spec = row_spec(tmp_path, job={"model": "local/tiny"}, rows=6)
    good = json.dumps({"subject": "a", "fact": "b"})

    with ChatServer(lambda _body: good, every(3, say("{}"))) as server:
        report = generate(spec, settings=settings_of(server))

    assert report.complete
    assert report.cost == len(server.requests) * EACH
    assert report.input_tokens == 11 * len(server.requests)


def test_a_repair_without_an_answer_is_counted(tmp_path):
    """
    The first reply was paid, although the server was not available for the repair.
    """
    spec = row_spec(tmp_path, job={"model": "local/tiny", "options": {"retries": 0}}, rows=1)
    good = json.dumps({"subject": "a", "fact": "b"})
    faults = {1: say("{}"), 2: lambda _body: failure(503)}

    with ChatServer(lambda _body: good, lambda number, body: faults.get(number, lambda _: None)(body)) as server:
        report = generate(spec, settings=settings_of(server))

    assert (report.complete, len(server.requests)) == (True, 3)
    assert (report.cost, report.input_tokens) == (2 * EACH, 22)


def test_attempts_can_be_limited(tmp_path):
    """
    With one attempt, the first unusable reply fails its row.
    """
    spec = conversation_spec(tmp_path, job=JOB, rows=5, attempts=1)

    with ChatServer(lambda _body: "") as server:
        report = generate(spec, settings=server.settings)

    assert (len(report.failures), len(server.requests)) == (5, 5)


THINKING = "<think>It is said. </think>Tea is green."


def reasoning_rows(tmp_path, mode, say=THINKING, **changes):
    """Return the rows of conversations whose model reasons."""
    job = JOB | {"turns": 2, "answerer_options": {"reasoning": mode}} | changes
    with ChatServer(lambda _body: say) as server:
        report = generate(conversation_spec(tmp_path, job=job, rows=2), settings=server.settings)
        assert "It is said" not in json.dumps(server.requests)
    return [row["messages"] for row in read_rows(report.output)]


def test_reasoning_is_dropped_by_default(tmp_path):
    """
    Rows contain questions and answers.
    """
    assert "It is said" not in json.dumps(reasoning_rows(tmp_path, "drop"))


def test_reasoning_can_be_kept_in_a_field(tmp_path):
    """
    Each answer has its own; questions have none.
    """
    for messages in reasoning_rows(tmp_path, "field"):
        assert [message["content"] for message in messages] == ["Tea is green."] * 4
        assert [message.get("reasoning_content") for message in messages] == [None, "It is said."] * 2


def test_reasoning_can_be_kept_in_tags(tmp_path):
    """
    In front of the answer, in the form that chat templates of reasoning models use.
    """
    for messages in reasoning_rows(tmp_path, "tags"):
        assert messages[1]["content"] == "<think>\nIt is said.\n</think>\n\nTea is green."
        assert messages[0]["content"] == "Tea is green."


@pytest.mark.parametrize("mode", ["field", "tags"])
def test_an_answer_without_reasoning_has_no_trace_of_it(tmp_path, mode):
    """
    There is no empty field and no empty block.
    """
    for messages in reasoning_rows(tmp_path, mode, say="Tea is green."):
        assert {tuple(message) for message in messages} == {("role", "content")}
        assert {message["content"] for message in messages} == {"Tea is green."}


def test_reasoning_of_values_is_a_field(tmp_path):
    """
    It is next to the value.
    """
    say = '<think>It is said.</think>{"subject": "a", "fact": "b"}'
    spec = row_spec(tmp_path, job={"model": "local/tiny", "options": {"reasoning": "field"}}, rows=1)

    with ChatServer(lambda _body: say) as server:
        (row,) = read_rows(generate(spec, settings=server.settings).output)

    assert (row["value"], row["reasoning_content"]) == ({"subject": "a", "fact": "b"}, "It is said.")


def test_reasoning_is_not_kept_where_it_has_no_place():
    """
    The error names the key and says what to set instead.
    """
    row = {"model": "local/tiny", "schema": FACT, "instruction": "State a fact."}
    asker = table(conversation=JOB | {"asker_options": {"reasoning": "field"}})
    tags = table(row=row | {"options": {"reasoning": "tags"}})

    with pytest.raises(ConfigurationError, match=r"asker_options.*set it in answerer_options"):
        make_plan(asker)
    with pytest.raises(ConfigurationError, match=r'row\.options.*set reasoning = "field"'):
        make_plan(tags)


def test_reasoning_is_kept_when_a_run_is_resumed(tmp_path):
    """
    Rows of a run that was interrupted between two turns have the reasoning of both.
    """
    job = JOB | {"turns": 2, "answerer_options": {"reasoning": "field"}}
    spec = conversation_spec(tmp_path, job=job, rows=1)

    with ChatServer(lambda _body: THINKING, lambda number, _body: failure(400) if number > 2 else None) as server:
        generate(spec, settings=server.settings)
    with ChatServer(lambda _body: THINKING) as server:
        resume(spec.run_folder, settings=server.settings)

    (row,) = read_rows(spec.shown_output)
    assert [message.get("reasoning_content") for message in row["messages"]] == [None, "It is said."] * 2


def test_a_tag_in_reasoning_does_not_end_the_block(tmp_path):
    """
    It is removed.
    """
    text = "<think>The tag <think> begins it. </think>Tea is green."

    (messages, _) = reasoning_rows(tmp_path, "tags", say=text)

    assert messages[1]["content"] == "<think>\nThe tag  begins it.\n</think>\n\nTea is green."
