from __future__ import annotations

import pytest

from budwood.errors import ConfigurationError
from budwood_generation import make_plan
from tests.datasets import DOCUMENTS, OFFLINE, conversation_spec, table


def documents(**options: object) -> dict[str, object]:
    """Return the section of the specification."""
    return {"paths": ["docs/*"], "passage_chars": 300, **options}


def test_documents_can_be_excluded(tmp_path):
    """
    Patterns are relative to the specification, and unsupported files are not counted either.
    """
    spec = conversation_spec(tmp_path, documents=documents(paths=["docs/**"], exclude=["docs/*.txt", "docs/images"]))
    (tmp_path / "docs" / "images").mkdir()
    for name in ("a.png", "b.md"):
        (tmp_path / "docs" / "images" / name).write_text("Text.")

    plan = make_plan(spec)

    assert list(plan.digests) == ["docs/bridges.md", "docs/tea.md"]
    assert plan.skipped_files == {}


def test_the_output_is_not_a_document(tmp_path):
    """
    A pattern matches it when the run is resumed; the documents must be the same then.
    """
    spec = conversation_spec(tmp_path, output="docs/data.jsonl")
    before = make_plan(spec).digests
    (tmp_path / "docs" / "data.jsonl").write_text('{"a": 1}\n')

    assert make_plan(spec).digests == before


def test_a_document_that_cannot_be_read_is_skipped_unless_strict(tmp_path):
    """
    The plan has the reason.
    """
    spec = conversation_spec(tmp_path, documents=documents())
    (tmp_path / "docs" / "latin.md").write_bytes(b"caf\xe9")
    plan = make_plan(spec)

    assert len(plan.digests) == len(DOCUMENTS)
    assert [(document.name, "not UTF-8" in document.reason) for document in plan.unreadable] == [
        ("docs/latin.md", True)
    ]
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        make_plan(conversation_spec(tmp_path, documents=documents(strict=True)))


def test_code_is_kept_or_dropped(tmp_path):
    """
    It is part of the passages by default, and decides which cells a plan has.
    """
    spec = conversation_spec(tmp_path, documents=documents(paths=["docs/code.md"]), rows=1)
    text = "Leaves are poured into a pot by this function, which takes its size as a number."
    (tmp_path / "docs" / "code.md").write_text(f"{text}\n\n```python\npour(3)\n```\n")

    kept = make_plan(spec)
    dropped = make_plan(conversation_spec(tmp_path, documents=documents(paths=["docs/code.md"], code="drop"), rows=1))

    assert kept.cells[0].passage.text == f"{text}\n\n```python\npour(3)\n```"
    assert dropped.cells[0].passage.text == text
    assert kept.header().identity != dropped.header().identity


def test_an_unknown_value_of_code_is_rejected(tmp_path):
    """
    The error names the key and the values.
    """
    with pytest.raises(ConfigurationError, match=r"'documents\.code': .*'keep' or 'drop'"):
        make_plan(table(documents=documents(code="maybe"), conversation={"answerer": OFFLINE}, root=tmp_path))


def test_records_are_passages(tmp_path):
    """
    Each can be asked about.
    """
    spec = conversation_spec(tmp_path, documents=documents(paths=["docs/teas.csv"]), rows=2)
    (tmp_path / "docs" / "teas.csv").write_text("name,degrees\nGreen tea,80\nBlack tea,95\n")

    plan = make_plan(spec)

    assert {cell.passage.text for cell in plan.cells} == {
        "name: Green tea\ndegrees: 80",
        "name: Black tea\ndegrees: 95",
    }


def test_exclusions_without_effect_are_noted(tmp_path):
    """
    A name without a folder excludes nothing in other folders. Patterns that match other files have an effect.
    """
    spec = conversation_spec(
        tmp_path, documents={"paths": ["docs/**"], "exclude": ["tea.md", "**/tea.md", "docs/*.png"]}
    )
    (tmp_path / "docs" / "pot.png").write_bytes(b"")

    plan = make_plan(spec)

    assert plan.unused_exclusions == ("tea.md",)
    assert plan.notes_on_exclusions[0].startswith("documents.exclude: 'tea.md' matches nothing.")
    assert plan.notes_on_exclusions[0] in plan.warnings
