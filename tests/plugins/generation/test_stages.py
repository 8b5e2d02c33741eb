from __future__ import annotations

from collections import Counter

import pytest

from budwood_generation import OtherRunError, generate, make_plan, resume
from budwood_generation.documents import sources
from budwood_generation.journal import Stage, read_header, read_stages
from budwood_generation.stages import Segment, make_segments
from tests.chat_server import ChatServer
from tests.datasets import conversation_spec, read_rows

NEW = """# Kites

A kite flies because the wind pushes against its tilted surface. The tail keeps it steady in gusts.
The line must be strong and light. Fishing line is both, and it costs little.

## Building

The frame of a kite is made from two sticks of bamboo. Paper or thin cloth covers the frame.
A bridle of two strings sets the angle to the wind. A wrong angle makes the kite dive.
"""


def stage(first, rows, *passages) -> Stage:
    """Return a stage with this number of passages in each document."""
    documents = {f"{number}.md": "a" for number in range(len(passages))}
    return Stage(first=first, rows=rows, documents=documents, passages=passages, turns=rows, digest="")


def add_document(folder) -> None:
    """Write another document, whose name sorts between the others."""
    (folder / "docs" / "buildings.md").write_text(NEW)


@pytest.mark.parametrize(
    ("stages", "segments"),
    [
        ([stage(0, 10, 3)], [Segment(0, 10, 0, range(3))]),
        ([stage(0, 10)], [Segment(0, 10, 0, range(0))]),
        ([stage(0, 10, 3), stage(10, 5, 3)], [Segment(0, 10, 0, range(3)), Segment(10, 15, 0, range(3))]),
        (
            [stage(0, 12, 3), stage(12, 20, 3, 2)],
            [Segment(0, 12, 0, range(3)), Segment(12, 20, 12, range(3, 5)), Segment(20, 32, 20, range(5))],
        ),
        (
            [stage(0, 12, 3), stage(12, 5, 3, 2), stage(17, 5, 3, 2)],
            [
                Segment(0, 12, 0, range(3)),
                Segment(12, 17, 12, range(3, 5)),
                Segment(17, 20, 12, range(3, 5)),
                Segment(20, 22, 20, range(5)),
            ],
        ),
        (
            [stage(0, 12, 3), stage(12, 2, 3, 2), stage(14, 20, 3, 2, 1)],
            [
                Segment(0, 12, 0, range(3)),
                Segment(12, 14, 12, range(3, 5)),
                Segment(14, 24, 14, range(3, 6)),
                Segment(24, 34, 24, range(6)),
            ],
        ),
        ([stage(0, 4), stage(4, 6, 2)], [Segment(0, 4, 0, range(0)), Segment(4, 10, 4, range(2))]),
        ([stage(0, 2, 9), stage(2, 4, 9, 1)], [Segment(0, 2, 0, range(9)), Segment(2, 6, 2, range(10))]),
    ],
)
def test_new_passages_are_used_first(stages, segments):
    """
    As often as the earlier ones on average, also if that takes several stages; then all are used.
    """
    assert make_segments(stages) == segments


def test_rows_can_be_added(tmp_path):
    """
    The rows are those of a run that had so many rows from the start, and no call is repeated.
    """
    first = generate(conversation_spec(tmp_path / "grown", rows=6))
    before = first.output.read_bytes()

    grown = generate(conversation_spec(tmp_path / "grown", rows=15))
    once = generate(conversation_spec(tmp_path / "once", rows=15))

    assert grown.output.read_bytes() == once.output.read_bytes()
    assert grown.output.read_bytes().startswith(before)
    assert (grown.rows_reused, first.calls + grown.calls) == (6, once.calls)
    assert [stage.first for stage in read_stages(grown.run_folder / "journal.sqlite")] == [0, 6]


def test_documents_can_be_added_with_rows(tmp_path):
    """
    Earlier rows stay, new passages are used as often as the old ones, and resuming repeats no call.
    """
    first = generate(conversation_spec(tmp_path, rows=24))
    before = first.output.read_bytes()
    old = Counter(row["source"]["passage"] for row in read_rows(first.output))
    add_document(tmp_path)

    grown = generate(conversation_spec(tmp_path, rows=40))

    rows = read_rows(grown.output)
    used = Counter(row["source"]["passage"] for row in rows)
    new = {passage for passage in used if passage not in old}
    assert grown.output.read_bytes().startswith(before)
    assert (grown.rows, grown.rows_reused) == (40, 24)
    assert {row["source"]["document"] for row in rows if row["source"]["passage"] in new} == {"docs/buildings.md"}
    assert max(used.values()) - min(used.values()) <= 2
    assert {row["source"]["passage"] for row in rows[24 : 24 + 2 * len(new)]} == new
    assert resume(grown.run_folder).calls == 0
    assert grown.output.read_bytes().count(b"\n") == 40


def test_an_interrupted_addition_continues(tmp_path):
    """
    The later rows do not depend on when the addition was interrupted.
    """
    job = {"answerer": "local/tiny", "turns": 1}
    outputs = []
    for name, failing in (("failing", True), ("complete", False)):
        with ChatServer() as server:
            generate(conversation_spec(tmp_path / name, job=job, rows=5), settings=server.settings)
            add_document(tmp_path / name)
            spec = conversation_spec(tmp_path / name, job=job, rows=12)
            if failing:
                plan = make_plan(spec, settings=server.settings)
                assert [stage.rows for stage in plan.stages] == [5, 7]
                with (
                    ChatServer(
                        fault=lambda number, _: (lambda handler: handler.send(401, {})) if number > 5 else None
                    ) as bad,
                    pytest.raises(Exception, match="401"),
                ):
                    generate(spec, settings=bad.settings)
            report = generate(spec, settings=server.settings)
            assert report.complete
            outputs.append(report.output.read_bytes())

    assert outputs[0] == outputs[1]


def test_documents_without_rows_are_not_used(tmp_path):
    """
    The run continues with the documents that it knows, and the plan names the others.
    """
    spec = conversation_spec(tmp_path)
    report = generate(spec)
    add_document(tmp_path)

    plan = make_plan(spec)

    assert plan.unused_documents == ("docs/buildings.md",)
    assert generate(spec).calls == 0
    assert resume(report.run_folder).calls == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda folder: (folder / "docs" / "tea.md").unlink(), r"documents \(docs/tea\.md removed\)"),
        (
            lambda folder: (folder / "docs" / "tea.md").write_text("# Tea\n\nTea is black. It is hot."),
            r"documents \(docs/tea\.md changed\)",
        ),
    ],
)
def test_known_documents_may_not_change(tmp_path, change, expected):
    """
    Also if rows or other documents are added. The error names them.
    """
    report = generate(conversation_spec(tmp_path))
    before = report.output.read_bytes()
    spec = conversation_spec(tmp_path, rows=20)
    add_document(tmp_path)
    change(tmp_path)

    with pytest.raises(OtherRunError, match=expected):
        generate(spec)
    assert report.output.read_bytes() == before


@pytest.mark.parametrize("change", [lambda passages: passages[:1], lambda passages: [*passages, passages[-1]]])
def test_a_run_whose_documents_are_split_in_another_way_is_refused(tmp_path, monkeypatch, change):
    """
    Another version of Budwood or of a parser may do so. The error says that this is not the user's change.
    """
    spec = conversation_spec(tmp_path, rows=20)
    generate(spec)
    split = sources.split_document
    monkeypatch.setattr(sources, "split_document", lambda *args, **options: change(split(*args, **options)))
    monkeypatch.setattr(sources, "parser_version", lambda _kind: "another")

    with pytest.raises(OtherRunError, match=r"the passages of documents, which this version of Budwood or of a plugin"):
        generate(spec)


def test_the_output_may_change_with_the_run_folder(tmp_path):
    """
    If the folder is renamed, the rows are written to the new output, and no call is repeated.
    """
    first = generate(conversation_spec(tmp_path))
    first.run_folder.rename(tmp_path / "other.jsonl.run")

    second = generate(conversation_spec(tmp_path, output="other.jsonl"))

    assert (second.calls, second.rows_reused) == (0, 6)
    assert second.output.read_bytes() == first.output.read_bytes()


def test_resuming_an_unchanged_run_writes_nothing(tmp_path):
    """
    The journal stays as it is, and contains no path of this machine.
    """
    spec = conversation_spec(tmp_path, output="out/data.jsonl")
    folder = generate(spec).run_folder
    before = (folder / "journal.sqlite").read_bytes()

    resume(folder)
    generate(spec)

    assert (folder / "journal.sqlite").read_bytes() == before
    assert str(tmp_path).encode() not in before
    assert read_header(folder / "journal.sqlite").spec["output"] == "out/data.jsonl"


@pytest.mark.parametrize(
    "changes",
    [
        {"concurrency": 3},
        {"job": {"answerer_options": {"retries": 7, "timeout": 5, "max_tokens": 900, "keep_truncated": True}}},
        {"job": {"asker_options": {"retries": 0}}},
    ],
)
def test_what_decides_no_prompt_may_change(tmp_path, changes):
    """
    The run continues, and the journal has the new specification.
    """
    first = generate(conversation_spec(tmp_path, rows=6))

    second = generate(conversation_spec(tmp_path, rows=6, **changes))

    assert (second.calls, second.rows_reused) == (0, 6)
    assert second.output == first.output
