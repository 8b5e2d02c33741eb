from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from budwood.errors import ConfigurationError, PluginNotFoundError
from budwood_generation import GenerationSpec, Plan, generate, make_plan
from tests.datasets import DOCUMENTS, OFFLINE, conversation_spec, row_spec, table

SEEDS = ["What is tea?", "How is a bridge built?", "Why do clocks tick?"]
STRATEGIES = {
    "document-questions": {"strategy": "document-questions"},
    "persona": {"strategy": "persona", "modifiers": ["document-context", "persona"]},
    "seed-list": {"strategy": {"plugin": "seed-list", "seeds": SEEDS}},
}

GUARDED = """
from pydantic import SecretStr

from budwood.hooks import InstructionStrategySpec, hookimpl
from budwood_generation.strategies import DocumentQuestions, DocumentQuestionsSettings


class Settings(DocumentQuestionsSettings):
    api_key: SecretStr


@hookimpl
def budwood_instruction_strategies():
    return [
        InstructionStrategySpec(
            name="guarded", settings=lambda: Settings, build=DocumentQuestions, requires_api=(2, 0)
        )
    ]
"""


def without_documents(folder: Path, job: dict[str, object]) -> GenerationSpec:
    """Specify conversations about nothing that is written."""
    conversation = {"answerer": OFFLINE, "turns": (1, 3), **job}
    return GenerationSpec.model_validate(table(documents=None, conversation=conversation, root=folder))


@pytest.mark.parametrize("job", STRATEGIES.values(), ids=STRATEGIES)
def test_equal_specifications_make_equal_cells(tmp_path, job):
    """
    Ids, passages, turns and material depend on the specification and the documents, not on when or where.
    """
    plans = [make_plan(conversation_spec(tmp_path / name, job=job)) for name in ("here", "there/deeper")]

    assert plans[0].cells == plans[1].cells
    assert plans[0].header().fingerprint == plans[1].header().fingerprint


def test_another_seed_makes_other_cells(tmp_path):
    """
    The seed decides all chance: no id is shared, and the passages come in another order.
    """
    one, other = (make_plan(conversation_spec(tmp_path, seed=seed, rows=8)) for seed in (1, 2))

    assert not {cell.id for cell in one.cells} & {cell.id for cell in other.cells}
    assert [cell.passage for cell in one.cells] != [cell.passage for cell in other.cells]


def test_ids_tell_cells_apart(tmp_path):
    """
    Also where the same passage is asked about many times, each row has an id of its own, and its number.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=200))

    assert len({cell.id for cell in plan.cells}) == 200
    assert [cell.index for cell in plan.cells] == list(range(200))


def test_where_documents_are_kept_is_in_no_row(tmp_path):
    """
    Documents outside of the specification's folder make the same cells wherever the two lie to each other.
    """
    plans = []
    for place in ("a/job", "b/c/job"):
        spec = conversation_spec(tmp_path / "texts")
        root = tmp_path / place
        root.mkdir(parents=True)
        paths = [Path(os.path.relpath(spec.root / "docs", root)).as_posix() + "/*"]
        documents = spec.documents.model_copy(update={"paths": tuple(paths)})
        plans.append(make_plan(spec.model_copy(update={"root": root, "documents": documents})))

    assert plans[0].cells == plans[1].cells
    assert set(plans[0].digests) == set(DOCUMENTS)


@pytest.mark.parametrize("changes", [{"concurrency": 3}, {"output": "elsewhere.jsonl"}])
def test_how_fast_and_whereto_makes_no_other_run(tmp_path, changes):
    """
    Concurrency and output change neither the cells nor the fingerprint.
    """
    one, other = make_plan(conversation_spec(tmp_path)), make_plan(conversation_spec(tmp_path, **changes))

    assert one.cells == other.cells
    assert one.header().fingerprint == other.header().fingerprint


@pytest.mark.parametrize(
    "job",
    [
        {"system": "Be brief."},
        {"answerer_options": {"temperature": 0.5}},
        {"modifiers": []},
        {"asker": "offline/other"},
    ],
)
def test_what_decides_about_the_rows_decides_the_fingerprint(tmp_path, job):
    """
    Whatever changes the calls makes another run.
    """
    one, other = make_plan(conversation_spec(tmp_path)), make_plan(conversation_spec(tmp_path, job=job))

    assert one.header().fingerprint != other.header().fingerprint


def test_passages_come_equally_often(tmp_path):
    """
    No passage is used twice more often than another.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=50))

    used = Counter(cell.passage.id for cell in plan.cells if cell.passage)
    assert max(used.values()) - min(used.values()) <= 1


def test_turns_stay_within_their_bounds_and_what_a_passage_bears(tmp_path):
    """
    Turns are drawn between the least and the most; a passage of few sentences is not asked about for longer.
    """
    drawn = Counter(cell.turns for cell in make_plan(conversation_spec(tmp_path, rows=60)).cells)
    long = make_plan(conversation_spec(tmp_path, rows=60, job={"turns": (1, 50)}))
    fixed = make_plan(conversation_spec(tmp_path, rows=10, job={"turns": 9}))

    assert set(drawn) <= {1, 2, 3}
    assert len(drawn) > 1
    assert max(cell.turns for cell in long.cells) < 10
    assert {cell.turns for cell in fixed.cells} == {9}


@pytest.mark.parametrize("job", STRATEGIES.values(), ids=STRATEGIES)
def test_the_plan_counts_the_calls_that_the_run_makes(tmp_path, job):
    """
    Rows, turns and calls of the dry run are those of the run itself, for each strategy.
    """
    spec = conversation_spec(tmp_path, job=job)
    plan = make_plan(spec)
    seen = []

    report = generate(spec, on_progress=seen.append)

    assert report.calls == plan.calls
    assert seen[-1].turns_done == plan.turns
    assert report.rows == len(plan.cells) == 6


@pytest.mark.parametrize("job", [STRATEGIES["persona"], STRATEGIES["seed-list"]], ids=["persona", "seed-list"])
def test_strategies_that_need_no_documents_do_without(tmp_path, job):
    """
    The count holds there as well.
    """
    spec = without_documents(tmp_path, job)

    assert generate(spec).calls == make_plan(spec).calls


def test_a_structured_row_is_one_call(tmp_path):
    """
    The plan of values counts one call and one turn a row.
    """
    spec = row_spec(tmp_path)
    plan = make_plan(spec)

    assert (plan.calls, plan.turns, plan.models) == (6, 6, (OFFLINE,))
    assert generate(spec).calls == 6


def test_tokens_of_input_are_estimated_within_reason(tmp_path):
    """
    What is sent is known but for the turns to come: the estimate is no more than three times off.
    """
    spec = conversation_spec(tmp_path, rows=20)
    plan, report = make_plan(spec), generate(spec)

    assert report.input_tokens / 3 < plan.input_tokens < report.input_tokens * 3


def test_tokens_of_output_are_bounded_by_the_options(tmp_path):
    """
    No reply is expected to be longer than max_tokens allows.
    """
    limits = {"asker_options": {"max_tokens": 4}, "answerer_options": {"max_tokens": 10}, "turns": 1}

    plan = make_plan(conversation_spec(tmp_path, job=limits))

    assert plan.output_tokens == 6 * (4 + 10)


def test_planning_touches_nothing(tmp_path, monkeypatch):
    """
    Nothing is written, and no vendor is asked whether it knows the model.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-secret")
    spec = conversation_spec(tmp_path, job={"answerer": "openai/no-such-model"})
    before = set(tmp_path.rglob("*"))

    plan = make_plan(spec)

    assert set(tmp_path.rglob("*")) == before
    assert (plan.documents, plan.run_folder.name, plan.output.name) == (len(DOCUMENTS), "data.jsonl.run", "data.jsonl")


def test_without_documents_nothing_can_be_asked_about_them(tmp_path):
    """
    The error says which strategy wants documents, and how they are named.
    """
    with pytest.raises(ConfigurationError, match=r"'document-questions' needs documents.*\[documents\] paths"):
        make_plan(without_documents(tmp_path, {}))


def test_documents_without_a_passage_are_none(tmp_path):
    """
    Files that are empty make the same error.
    """
    (tmp_path / "empty.md").write_text("")
    spec = conversation_spec(tmp_path, documents={"paths": ["empty.md"]})

    with pytest.raises(ConfigurationError, match="needs documents"):
        make_plan(spec)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "nonsense"}, "not valid"),
        ({"type": "string", "pattern": "("}, "not valid"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "No value can satisfy"),
        ({"enum": []}, "No value can satisfy|not valid"),
        ({"$ref": "#/$defs/absent"}, "absent"),
        ({"$ref": "https://example.com/schema.json"}, "example.com"),
    ],
)
def test_a_schema_that_nothing_satisfies_stops_the_plan(tmp_path, schema, said):
    """
    What the first call would refuse is refused before it: invalid schemas, contradictions, references to nowhere.
    """
    with pytest.raises(ConfigurationError, match=rf"row\.schema: .*({said})"):
        make_plan(row_spec(tmp_path, job={"schema": schema}))


@pytest.mark.parametrize(
    ("changes", "near"),
    [
        ({"job": {"strategy": "persoma"}}, "persona"),
        ({"job": {"modifiers": ["document-contxt"]}}, "document-context"),
        ({"storage": "jsonll"}, "jsonl"),
    ],
)
def test_an_unknown_plugin_is_named_with_what_is_near(tmp_path, changes, near):
    """
    The error comes before anything is made.
    """
    with pytest.raises(PluginNotFoundError, match=near):
        make_plan(conversation_spec(tmp_path, **changes))


def test_a_wrong_setting_of_a_plugin_is_named(tmp_path):
    """
    The settings of a strategy are checked like all others.
    """
    with pytest.raises(ConfigurationError, match="seeds"):
        make_plan(conversation_spec(tmp_path, job={"strategy": {"plugin": "seed-list", "seads": ["x"]}}))


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """
    A strategy of someone else's that wants a key of its own.
    """
    information = tmp_path / "site" / "guarded_shoot-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: guarded-shoot\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[budwood.instruction_strategies]\nguarded = guarded_shoot\n")
    (tmp_path / "site" / "guarded_shoot.py").write_text(GUARDED)
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.usefixtures("guarded")
def test_a_specification_holds_no_secrets(tmp_path):
    """
    They would stand in the journal; the error leads to the settings, where they are welcome, and repeats none.
    """
    told = {"plugin": "guarded", "api_key": "sk-plainly-readable"}
    settings = {"instruction_strategies": {"guarded": {"api_key": "sk-plainly-readable"}}}

    with pytest.raises(ConfigurationError, match=r"a secret: 'api_key'.*\[instruction_strategies\.guarded\]") as raised:
        make_plan(conversation_spec(tmp_path, job={"strategy": told}))
    plan = make_plan(conversation_spec(tmp_path, job={"strategy": "guarded"}), settings=settings)

    assert "sk-plainly" not in str(raised.value)
    assert "sk-plainly" not in repr(plan.header())


def test_a_plugin_may_be_an_instance_of_the_settings(tmp_path):
    """
    A section of the settings gives a strategy a name and settings of its own, and both are part of the run.
    """
    section = {"instruction_strategies": {"nurses": {"plugin": "persona", "personas": ["a nurse"]}}}

    plan = make_plan(conversation_spec(tmp_path, job={"strategy": "nurses"}), settings=section)

    assert personas(plan) == {"a nurse"}
    assert plan.header().plugins["strategy"] == {
        "plugin": "persona",
        "settings": {
            "personas": ["a nurse"],
            "request": "Ask one question that this person would ask, in their words.",
        },
    }


def personas(plan: Plan) -> set[object]:
    """List who asks."""
    return {cell.material["persona"] for cell in plan.cells}
