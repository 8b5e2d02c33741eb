from __future__ import annotations

import asyncio
import errno
import json
import shutil
from itertools import pairwise

import pytest

from budwood.errors import ConfigurationError, NotFoundError
from budwood_generation import (
    GenerationSpec,
    OtherRunError,
    OutputError,
    Progress,
    generate,
    generate_async,
    make_plan,
    resume,
    resume_async,
)
from budwood_generation.journal.writer import Writer
from tests.chat_server import ChatServer, completion
from tests.datasets import DOCUMENTS, FACT, OFFLINE, calls_of, conversation_spec, read_rows, row_spec

TOML = f"""\
rows = 5
output = "out/data.jsonl"
[documents]
paths = ["docs/*"]
[conversation]
answerer = "{OFFLINE}"
turns = [1, 3]
"""


def test_a_dataset_is_created_from_a_file(tmp_path):
    """
    Conversations about the documents, in a file next to the specification.
    """
    conversation_spec(tmp_path)
    (tmp_path / "dataset.toml").write_text(TOML)

    report = generate(tmp_path / "dataset.toml")

    rows = read_rows(tmp_path / "out" / "data.jsonl")
    assert report.complete
    assert (report.output, report.rows, report.failures) == (tmp_path / "out" / "data.jsonl", 5, ())
    assert report.calls == calls_of(rows)
    assert report.input_tokens > report.output_tokens > 0
    for row in rows:
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"] * (len(row["messages"]) // 2)
        assert row["source"]["document"].removeprefix("docs/") in DOCUMENTS
        assert row["provenance"]["models"] == {"asker": OFFLINE, "answerer": OFFLINE}


def test_a_row_has_its_source(tmp_path):
    """
    The system message is part of the conversation. Passage, headings and material are separate fields.
    """
    job = {"system": "Be brief.", "strategy": {"plugin": "persona", "personas": ["a nurse"]}, "turns": 1}

    row = read_rows(generate(conversation_spec(tmp_path, job=job, rows=1)).output)[0]

    assert row["messages"][0] == {"role": "system", "content": "Be brief."}
    assert row["material"] == {"persona": "a nurse"}
    assert set(row["source"]) == {"document", "headings", "passage"}
    assert list(row) == ["id", "messages", "source", "material", "provenance"]


def test_values_are_created_with_the_offline_provider(tmp_path):
    """
    Each satisfies the schema and comes from its passage.
    """
    rows = read_rows(generate(row_spec(tmp_path)).output)

    assert len(rows) == 6
    for row in rows:
        assert set(row["value"]) == {"subject", "fact"}
        assert row["value"]["fact"] in row["source"]["passage"].replace("\n", " ")
        assert row["provenance"]["models"] == {"model": OFFLINE}


def test_values_are_created_with_a_server(tmp_path):
    """
    The request contains the schema, and the row the value of the reply.
    """
    with ChatServer(lambda _body: json.dumps({"subject": "tea", "fact": "Grün."})) as server:
        report = generate(row_spec(tmp_path, job={"model": "local/tiny"}, rows=2), settings=server.settings)

    assert [row["value"] for row in read_rows(report.output)] == [{"subject": "tea", "fact": "Grün."}] * 2
    assert server.requests[0]["response_format"]["json_schema"]["schema"] == FACT
    assert (report.input_tokens, report.output_tokens, report.cost) == (22, 10, None)


def test_tokens_that_are_not_reported_are_unknown(tmp_path):
    """
    They are None in the progress and in the report, not 0.
    """

    def without_usage(_number, body):
        reply = completion(body["model"], "It is said.")
        del reply["usage"]
        return lambda handler: handler.send(200, reply)

    seen = []
    job = {"answerer": "local/tiny", "turns": 1}
    with ChatServer(fault=without_usage) as server:
        report = generate(
            conversation_spec(tmp_path, job=job, rows=2), settings=server.settings, on_progress=seen.append
        )

    assert (report.calls, report.input_tokens, report.output_tokens, report.cost) == (4, None, None, None)
    assert {(progress.input_tokens, progress.output_tokens) for progress in seen} == {(None, None)}


def test_a_seed_follows_the_instruction(tmp_path):
    """
    A list of seeds gives as many values.
    """
    job = {"strategy": {"plugin": "seed-list", "seeds": ["About tea."]}, "model": "local/tiny", "modifiers": []}
    with ChatServer(lambda _body: '{"subject": "a", "fact": "b"}') as server:
        generate(row_spec(tmp_path, job=job, rows=1), settings=server.settings)

    assert server.requests[0]["messages"][-1]["content"] == "State one fact from the passage.\n\nAbout tea."


def test_the_asker_and_the_answerer_can_be_two_models(tmp_path):
    """
    Each has its own options. The seed of a call does not depend on when it is sent.
    """
    job = {
        "asker": "local/asker",
        "answerer": "local/answerer",
        "asker_options": {"temperature": 0.9},
        "answerer_options": {"max_tokens": 50},
        "turns": 2,
    }
    requests = []
    for name in ("one", "two"):
        with ChatServer() as server:
            report = generate(conversation_spec(tmp_path / name, job=job, rows=2), settings=server.settings)
        requests.append(sorted(server.requests, key=json.dumps))

    assert requests[0] == requests[1]
    assert report.calls == 8
    for body in requests[0]:
        assert body.get("temperature") == (0.9 if body["model"] == "asker" else None)
        assert body.get("max_tokens") == (50 if body["model"] == "answerer" else None)
    assert len({body["seed"] for body in requests[0]}) == 8


@pytest.mark.parametrize("describe", [conversation_spec, row_spec])
def test_rows_do_not_depend_on_the_concurrency(tmp_path, describe):
    """
    The output is byte-identical, in the order of the cells.
    """
    outputs = [
        generate(describe(tmp_path / str(concurrency), rows=40, concurrency=concurrency)).output
        for concurrency in (1, 16, 64)
    ]

    cells = make_plan(describe(tmp_path / "1", rows=40)).cells
    assert [row["id"] for row in read_rows(outputs[0])] == [cell.id for cell in cells]
    assert outputs[0].read_bytes() == outputs[1].read_bytes() == outputs[2].read_bytes()


def test_rows_contain_no_time_and_no_path(tmp_path):
    """
    They do not depend on the machine.
    """
    text = generate(conversation_spec(tmp_path, rows=12)).output.read_text("utf-8")

    assert str(tmp_path) not in text
    assert tmp_path.name not in text


def test_a_finished_run_makes_no_call(tmp_path):
    """
    Generating again, or resuming, only writes the output.
    """
    spec = conversation_spec(tmp_path)
    first = generate(spec)
    before = first.output.read_bytes()
    first.output.unlink()

    second, resumed_report = generate(spec), resume(first.run_folder)

    assert (second.calls, second.rows_reused, resumed_report.calls, resumed_report.rows_reused) == (0, 6, 0, 6)
    assert first.output.read_bytes() == before


@pytest.mark.parametrize("other", ["output", "run folder"])
def test_a_run_can_be_named_by_its_folder_or_its_output(tmp_path, other):
    """
    Both paths resume the same run.
    """
    report = generate(conversation_spec(tmp_path))

    assert resume(report.output if other == "output" else report.run_folder).rows_reused == 6


def test_resuming_a_missing_run_is_an_error(tmp_path):
    """
    The error says how to list runs.
    """
    with pytest.raises(ConfigurationError, match=r"no run at .*budwood runs list"):
        resume(tmp_path / "data.jsonl")


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"seed": 8}, "differs in: seed (7 → 8)."),
        ({"rows": 5, "concurrency": 2}, "differs in: rows (6 → 5)."),
        ({"job": {"turns": 4}}, "differs in: conversation.turns ([1, 3] → [4, 4])."),
        ({"documents": {"paths": ["docs/tea.md"]}}, "documents (docs/bridges.md removed, docs/clocks.txt removed)."),
    ],
)
def test_another_specification_does_not_change_the_output(tmp_path, changes, difference):
    """
    The error names the difference and a solution. Rows and journal are unchanged.
    """
    report = generate(conversation_spec(tmp_path))
    before = report.output.read_bytes()

    with pytest.raises(OtherRunError) as raised:
        generate(conversation_spec(tmp_path, **changes))

    assert difference in str(raised.value)
    assert "The finished work is in data.jsonl.run" in str(raised.value)
    assert report.output.read_bytes() == before
    assert resume(report.output).calls == 0


def test_other_settings_of_a_plugin_are_another_run(tmp_path):
    """
    Also if they come from the settings, and the specification is the same.
    """
    spec = conversation_spec(tmp_path, job={"strategy": "persona"})
    generate(spec)
    section = {"instruction_strategies": {"persona": {"personas": ["a nurse"]}}}

    with pytest.raises(OtherRunError, match=r"differs in: conversation\.strategy\.personas \("):
        generate(spec.model_copy(update={"concurrency": 3}), settings=section)


@pytest.mark.parametrize("act", [generate, resume])
def test_changed_documents_are_another_run(tmp_path, act):
    """
    The error names the changed documents, also when resuming.
    """
    spec = conversation_spec(tmp_path)
    report = generate(spec)
    (tmp_path / "docs" / "tea.md").write_text("# Tea\n\nTea is black. It is strong. It is hot.\n")

    with pytest.raises(OtherRunError, match=r"differs in: documents \(docs/tea\.md changed\)"):
        act(spec if act is generate else report.run_folder)


def test_a_file_of_the_user_is_not_replaced(tmp_path):
    """
    No run folder is created.
    """
    (tmp_path / "data.jsonl").write_text("precious")

    with pytest.raises(OtherRunError, match=r"exists, and there is no run that it belongs to \(data\.jsonl\.run\)"):
        generate(conversation_spec(tmp_path))
    assert (tmp_path / "data.jsonl").read_text() == "precious"
    assert not (tmp_path / "data.jsonl.run").exists()


def test_a_run_without_finished_calls_is_replaced(tmp_path):
    """
    After a correction of the specification, no file has to be deleted.
    """
    with pytest.raises(NotFoundError):
        generate(conversation_spec(tmp_path, job={"answerer": "offline/extractive", "asker": "offline/llama"}))
    assert (tmp_path / "data.jsonl.run").is_dir()

    assert generate(conversation_spec(tmp_path)).complete


def test_a_run_can_be_moved_with_its_documents(tmp_path, monkeypatch):
    """
    It is resumed in its new folder, from any current folder, without repeating a call.
    """
    old, new = tmp_path / "old", tmp_path / "deep" / "new"
    report = generate(conversation_spec(old, output="out/data.jsonl"))
    before = report.output.read_bytes()
    report.output.unlink()
    new.parent.mkdir()
    old.rename(new)
    monkeypatch.chdir(new / "out")

    resumed_report = resume("data.jsonl.run")

    assert (resumed_report.calls, resumed_report.rows_reused) == (0, 6)
    assert resumed_report.output == new / "out" / "data.jsonl"
    assert resumed_report.output.read_bytes() == before


def test_an_output_folder_can_be_a_link(tmp_path):
    """
    A run whose output is on another disk, behind a link, finds its documents when it is resumed.
    """
    (tmp_path / "elsewhere" / "disk").mkdir(parents=True)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "out").symlink_to(tmp_path / "elsewhere" / "disk")
    generate(conversation_spec(tmp_path / "project", output="out/data.jsonl"))

    assert resume(tmp_path / "project" / "out" / "data.jsonl").rows_reused == 6
    assert resume(tmp_path / "elsewhere" / "disk" / "data.jsonl").rows_reused == 6


def test_progress_is_reported_after_every_commit(tmp_path):
    """
    Numbers only grow, the last ones match the report, and times appear after the first turn.
    """
    seen: list[Progress] = []

    report = generate(conversation_spec(tmp_path, concurrency=4), on_progress=seen.append)

    for before, after in pairwise(seen):
        assert (before.rows_done, before.turns_done, before.calls) <= (after.rows_done, after.turns_done, after.calls)
        assert before.seconds <= after.seconds
    assert [progress.calls for progress in seen] == list(range(1, report.calls + 1))
    assert (seen[0].rows_done, seen[0].turns_done, seen[0].rows_per_second, seen[0].seconds_left) == (0, 0, None, None)
    last = seen[-1]
    assert (last.rows_done, last.rows, last.errors, last.seconds_left) == (6, 6, 0, 0)
    assert (last.turns_done, last.turns) == (report.calls / 2, report.calls / 2)
    assert (last.input_tokens, last.output_tokens) == (report.input_tokens, report.output_tokens)
    assert last.rows_per_second is not None
    assert last.rows_per_second > 0


def test_in_an_event_loop_the_async_functions_are_required(tmp_path):
    """
    The blocking functions raise an error instead of blocking the loop.
    """
    spec = conversation_spec(tmp_path)

    async def work():
        for act, argument in ((generate, spec), (resume, tmp_path / "data.jsonl")):
            with pytest.raises(ConfigurationError, match=r"in an event loop.*_async"):
                act(argument)
        return await generate_async(spec), await resume_async(spec.shown_output)

    first, second = asyncio.run(work())
    assert (first.complete, second.calls) == (True, 0)


def test_an_output_that_cannot_be_written_repeats_no_call(tmp_path):
    """
    The rows are in the journal, and are written once the path is usable.
    """
    spec = conversation_spec(tmp_path)
    (tmp_path / ".data.jsonl.part").mkdir()

    with pytest.raises(OutputError, match=r"Cannot write the output data\.jsonl.*no call is repeated") as raised:
        generate(spec)
    assert "budwood runs resume" in raised.value.__notes__[0]

    (tmp_path / ".data.jsonl.part").rmdir()
    report = resume(spec.run_folder)
    assert (report.calls, report.rows) == (0, 6)


def test_no_row_is_written_twice(tmp_path, monkeypatch):
    """
    A row is committed once, with its last turn.
    """
    committed = []
    commit = Writer._commit

    def note(writer, batch):
        committed.extend(entry for entries, _ in batch for entry, _columns in entries)
        commit(writer, batch)

    monkeypatch.setattr(Writer, "_commit", note)
    generate(conversation_spec(tmp_path))

    names = [type(entry).__name__ for entry in committed]
    assert names.count("RowDone") == 6
    assert names.count("TurnDone") == names.count("CallDone") / 2


def test_a_specification_from_python_uses_the_current_folder(tmp_path, monkeypatch):
    """
    Its paths are relative to it, and the run can be resumed from any folder.
    """
    folder = tmp_path / "here"
    described = conversation_spec(folder)
    monkeypatch.chdir(folder)
    spec = GenerationSpec(
        **{name: getattr(described, name) for name in ("rows", "output", "documents", "conversation")}
    )

    report = generate(spec)
    monkeypatch.chdir(tmp_path)

    assert report.output == folder / "data.jsonl"
    assert resume(report.run_folder).rows_reused == 6


def test_the_error_of_an_output_is_one_sentence(tmp_path, monkeypatch):
    """
    Some reasons of storages end with a full stop, as that of a full disk in SQLite.
    """

    def fail(*_):
        raise OSError(errno.ENOSPC, "The disk is full. Free disk space.")

    monkeypatch.setattr("budwood_generation.storages.jsonl.JSONLStorage.finish", fail)

    with pytest.raises(OutputError, match=r"The disk is full\. Free disk space\.(?!\.)"):
        generate(conversation_spec(tmp_path))


def test_a_new_run_names_the_run_that_it_repeats(tmp_path):
    """
    Renaming its folder continues it with the other output; other plans and runs that continue have no note.
    """
    spec, notes = conversation_spec(tmp_path), []
    first = generate(spec)
    other = spec.model_copy(update={"output": "other.jsonl"})
    plan = make_plan(other)
    (note,) = plan.notes_on_output
    generate(other, on_progress=lambda progress: notes.append(progress.notes))
    shutil.rmtree(tmp_path / "other.jsonl.run")
    (tmp_path / "other.jsonl").unlink()
    first.run_folder.rename(tmp_path / "other.jsonl.run")

    assert note.startswith("data.jsonl.run has finished calls of the same plan")
    assert note.endswith("rename that folder to other.jsonl.run before the run.")
    assert (note in plan.warnings, note in notes[0]) == (True, True)
    assert make_plan(other).notes_on_output == ()
    assert make_plan(spec.model_copy(update={"seed": 8})).notes_on_output == ()
    assert (generate(other).calls, read_rows(tmp_path / "other.jsonl")) == (0, read_rows(first.output))


def test_a_missing_journal_is_noted_before_its_calls_are_repeated(tmp_path):
    """
    The note says how to keep what was paid.
    """
    spec, notes = conversation_spec(tmp_path), []
    run_folder = generate(spec).run_folder
    (tmp_path / "data.jsonl").unlink()
    for file in run_folder.glob("journal.sqlite*"):
        file.unlink()

    (note,) = make_plan(spec).notes_on_output
    report = generate(spec, on_progress=lambda progress: notes.append(progress.notes))

    assert note.startswith("The journal of data.jsonl.run is missing")
    assert note in notes[0]
    assert report.calls > 0
    assert make_plan(spec).notes_on_output == ()
