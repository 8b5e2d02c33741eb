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
    """Return a specification without documents."""
    conversation = {"answerer": OFFLINE, "turns": (1, 3), **job}
    return GenerationSpec.model_validate(table(documents=None, conversation=conversation, root=folder))


@pytest.mark.parametrize("job", STRATEGIES.values(), ids=STRATEGIES)
def test_equal_specifications_have_equal_cells(tmp_path, job):
    """
    Ids, passages, turns and material depend on the specification and the documents, not on the time or the folder.
    """
    plans = [make_plan(conversation_spec(tmp_path / name, job=job)) for name in ("here", "there/deeper")]

    assert list(plans[0].cells) == list(plans[1].cells)
    assert plans[0].header().identity == plans[1].header().identity


def test_another_seed_gives_other_cells(tmp_path):
    """
    All ids differ, and the passages are in another order.
    """
    one, other = (make_plan(conversation_spec(tmp_path, seed=seed, rows=8)) for seed in (1, 2))

    assert not {cell.id for cell in one.cells} & {cell.id for cell in other.cells}
    assert [cell.passage for cell in one.cells] != [cell.passage for cell in other.cells]


def test_ids_are_unique(tmp_path):
    """
    Each row has a unique id and number, also if passages repeat.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=200))

    assert len({cell.id for cell in plan.cells}) == 200
    assert [cell.index for cell in plan.cells] == list(range(200))


def test_rows_do_not_depend_on_the_folder_of_documents(tmp_path):
    """
    Documents outside of the specification's folder give the same cells wherever they are.
    """
    plans = []
    for place in ("a/job", "b/c/job"):
        spec = conversation_spec(tmp_path / "texts")
        root = tmp_path / place
        root.mkdir(parents=True)
        paths = [Path(os.path.relpath(spec.root / "docs", root)).as_posix() + "/*"]
        documents = spec.documents.model_copy(update={"paths": tuple(paths)})
        plans.append(make_plan(spec.model_copy(update={"root": root, "documents": documents})))

    assert list(plans[0].cells) == list(plans[1].cells)
    assert set(plans[0].digests) == set(DOCUMENTS)


@pytest.mark.parametrize("changes", [{"concurrency": 3}, {"output": "elsewhere.jsonl"}])
def test_concurrency_and_output_do_not_change_the_run(tmp_path, changes):
    """
    Cells and identity stay the same.
    """
    one, other = make_plan(conversation_spec(tmp_path)), make_plan(conversation_spec(tmp_path, **changes))

    assert list(one.cells) == list(other.cells)
    assert one.header().identity == other.header().identity


@pytest.mark.parametrize(
    "job",
    [
        {"system": "Be brief."},
        {"answerer_options": {"temperature": 0.5}},
        {"modifiers": []},
        {"asker": "offline/other"},
    ],
)
def test_the_identity_depends_on_what_determines_the_rows(tmp_path, job):
    """
    Everything that changes the calls changes the run.
    """
    one, other = make_plan(conversation_spec(tmp_path)), make_plan(conversation_spec(tmp_path, job=job))

    assert one.header().identity != other.header().identity


def test_passages_are_used_equally_often(tmp_path):
    """
    No passage is used more than once more than another.
    """
    plan = make_plan(conversation_spec(tmp_path, rows=50))

    used = Counter(cell.passage.id for cell in plan.cells if cell.passage)
    assert max(used.values()) - min(used.values()) <= 1


def test_turns_are_within_their_limits(tmp_path):
    """
    They are between minimum and maximum, and a short passage has fewer.
    """
    turn_counts = Counter(cell.turns for cell in make_plan(conversation_spec(tmp_path, rows=60)).cells)
    long = make_plan(conversation_spec(tmp_path, rows=60, job={"turns": (1, 50)}))
    fixed = make_plan(conversation_spec(tmp_path, rows=10, job={"turns": 9}))

    assert set(turn_counts) <= {1, 2, 3}
    assert len(turn_counts) > 1
    assert max(cell.turns for cell in long.cells) < 10
    assert {cell.turns for cell in fixed.cells} == {9}


@pytest.mark.parametrize("job", STRATEGIES.values(), ids=STRATEGIES)
def test_the_plan_counts_the_calls_of_the_run(tmp_path, job):
    """
    Rows, turns and calls of the dry run match the run, for each strategy.
    """
    spec = conversation_spec(tmp_path, job=job)
    plan = make_plan(spec)
    seen = []

    report = generate(spec, on_progress=seen.append)

    assert report.calls == plan.calls
    assert seen[-1].turns_done == plan.turns
    assert report.rows == len(plan.cells) == 6


@pytest.mark.parametrize("job", [STRATEGIES["persona"], STRATEGIES["seed-list"]], ids=["persona", "seed-list"])
def test_some_strategies_need_no_documents(tmp_path, job):
    """
    Their counts match too.
    """
    spec = without_documents(tmp_path, job)

    assert generate(spec).calls == make_plan(spec).calls


def test_a_structured_row_is_one_call(tmp_path):
    """
    The plan counts one call and one turn per row.
    """
    spec = row_spec(tmp_path)
    plan = make_plan(spec)

    assert (plan.calls, plan.turns, plan.models) == (6, 6, (OFFLINE,))
    assert generate(spec).calls == 6


def test_the_estimate_of_input_tokens_is_reasonable(tmp_path):
    """
    It differs from the actual number by a factor of three at most.
    """
    spec = conversation_spec(tmp_path, rows=20)
    plan, report = make_plan(spec), generate(spec)

    assert report.input_tokens / 3 < plan.input_tokens < report.input_tokens * 3


def test_the_estimate_of_output_tokens_respects_max_tokens(tmp_path):
    """
    No reply is estimated to be longer.
    """
    limits = {"asker_options": {"max_tokens": 4}, "answerer_options": {"max_tokens": 10}, "turns": 1}

    plan = make_plan(conversation_spec(tmp_path, job=limits))

    assert plan.output_tokens == 6 * (4 + 10)


def test_planning_has_no_side_effects(tmp_path, monkeypatch):
    """
    No file is written but the cache of documents, and no request is sent.
    """
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-secret")
    spec = conversation_spec(tmp_path, job={"answerer": "openai/no-such-model"})
    before = set(tmp_path.rglob("*"))

    plan = make_plan(spec)

    written = {path for path in tmp_path.rglob("*") if tmp_path / "home" not in path.parents}
    assert written == before
    assert (plan.documents, plan.run_folder.name, plan.output.name) == (len(DOCUMENTS), "data.jsonl.run", "data.jsonl")


def test_a_strategy_without_its_documents_is_an_error(tmp_path):
    """
    The error names the strategy, and says how to set documents.
    """
    with pytest.raises(ConfigurationError, match=r"'document-questions' needs documents.*\[documents\] paths"):
        make_plan(without_documents(tmp_path, {}))


def test_empty_documents_count_as_none(tmp_path):
    """
    The error is the same.
    """
    (tmp_path / "empty.md").write_text("")
    spec = conversation_spec(tmp_path, documents={"paths": ["empty.md"]})

    with pytest.raises(ConfigurationError, match="needs documents"):
        make_plan(spec)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "nonsense"}, "not valid"),
        ({"type": "string", "pattern": "("}, "not valid"),
        ({"type": "integer", "minimum": 5, "maximum": 4}, "No value can satisfy"),
        ({"enum": []}, "No value can satisfy|not valid"),
        ({"$ref": "#/$defs/absent"}, "absent"),
        ({"$ref": "https://example.com/schema.json"}, "example.com"),
    ],
)
def test_an_unusable_schema_stops_the_plan(tmp_path, schema, expected):
    """
    Invalid schemas, contradictions and broken references are rejected before the first call.
    """
    with pytest.raises(ConfigurationError, match=rf"row\.schema: .*({expected})"):
        make_plan(row_spec(tmp_path, job={"schema": schema}))


@pytest.mark.parametrize(
    ("changes", "suggestion"),
    [
        ({"job": {"strategy": "persoma"}}, "persona"),
        ({"job": {"modifiers": ["document-contxt"]}}, "document-context"),
        ({"storage": "jsonll"}, "jsonl"),
    ],
)
def test_an_unknown_plugin_is_an_error(tmp_path, changes, suggestion):
    """
    The error names similar plugins, before a row is created.
    """
    with pytest.raises(PluginNotFoundError, match=suggestion):
        make_plan(conversation_spec(tmp_path, **changes))


def test_a_storage_of_files_refuses_a_url(tmp_path):
    """
    It would fail after the last call, or create folders that are named after the URL.
    """
    spec = conversation_spec(tmp_path, output="nothing://bob:secret@host/rows", storage="jsonl")

    with pytest.raises(ConfigurationError, match=r"'jsonl' writes files, and the output 'nothing://bob@host/rows'"):
        make_plan(spec)


def test_an_invalid_setting_of_a_plugin_is_named(tmp_path):
    """
    The settings of a strategy are validated.
    """
    with pytest.raises(ConfigurationError, match="seeds"):
        make_plan(conversation_spec(tmp_path, job={"strategy": {"plugin": "seed-list", "seads": ["x"]}}))


@pytest.mark.parametrize(
    ("strategy", "message", "hint"),
    [
        ("seed-list", "conversation.strategy: 'seeds' is missing.", 'strategy = { plugin = "seed-list", seeds = … }'),
        ({"plugin": "persona", "tone": "calm"}, "conversation.strategy: unknown key 'tone'", ""),
    ],
)
def test_errors_of_plugins_name_the_key_of_the_specification(tmp_path, strategy, message, hint):
    """
    A setting that is missing or unknown is one of the specification, not of a section of the settings.
    """
    with pytest.raises(ConfigurationError) as raised:
        make_plan(conversation_spec(tmp_path, job={"strategy": strategy}))

    assert raised.value.message.startswith(message)
    assert hint in (raised.value.hint or "")


def test_an_error_of_the_only_model_names_its_key(tmp_path):
    """
    Without an asker, the answerer asks; the key of the asker, which is not set, is not named.
    """
    with pytest.raises(ConfigurationError, match=r"^conversation\.answerer: Invalid model 'pear'"):
        make_plan(conversation_spec(tmp_path, job={"answerer": "pear"}))


@pytest.mark.parametrize(
    ("make_spec", "job", "key"),
    [
        (conversation_spec, {"answerer_options": {"retries": -1}}, "conversation.answerer_options: 'retries'"),
        (conversation_spec, {"asker_options": {"timeout": 0}}, "conversation.asker_options: 'timeout'"),
        (row_spec, {"options": {"top_p": 3}}, "row.options: top_p: "),
    ],
)
def test_an_error_of_an_option_names_its_table(tmp_path, make_spec, job, key):
    """
    It is found when the run is planned.
    """
    with pytest.raises(ConfigurationError) as raised:
        make_plan(make_spec(tmp_path, job=job))

    assert raised.value.message.startswith(key)


@pytest.fixture
def guarded(tmp_path, monkeypatch):
    """
    Register a strategy of another distribution that needs a key.
    """
    information = tmp_path / "site" / "guarded_shoot-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: guarded-shoot\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[budwood.instruction_strategies]\nguarded = guarded_shoot\n")
    (tmp_path / "site" / "guarded_shoot.py").write_text(GUARDED)
    monkeypatch.syspath_prepend(tmp_path / "site")


@pytest.mark.usefixtures("guarded")
def test_secrets_in_a_specification_are_rejected(tmp_path):
    """
    The journal would store them. The error names the section of the settings, and does not contain the secret.
    """
    strategy = {"plugin": "guarded", "api_key": "sk-plainly-readable"}
    settings = {"instruction_strategies": {"guarded": {"api_key": "sk-plainly-readable"}}}

    with pytest.raises(ConfigurationError, match=r"a secret: 'api_key'.*\[instruction_strategies\.guarded\]") as raised:
        make_plan(conversation_spec(tmp_path, job={"strategy": strategy}))
    plan = make_plan(conversation_spec(tmp_path, job={"strategy": "guarded"}), settings=settings)

    assert "sk-plainly" not in str(raised.value)
    assert "sk-plainly" not in repr(plan.header())


def test_a_plugin_can_be_an_instance_in_the_settings(tmp_path):
    """
    The settings of the instance are part of the run's identity.
    """
    section = {"instruction_strategies": {"nurses": {"plugin": "persona", "personas": ["a nurse"]}}}

    plan = make_plan(conversation_spec(tmp_path, job={"strategy": "nurses"}), settings=section)

    assert personas(plan) == {"a nurse"}
    identity = plan.header().identity
    assert identity["conversation.strategy.plugin"] == "persona"
    assert identity["conversation.strategy.personas"] == ["a nurse"]
    assert identity["conversation.strategy.request"] == "Ask one question that this person would ask, in their words."


def personas(plan: Plan) -> set[object]:
    """Return the personas of a plan."""
    return {cell.material["persona"] for cell in plan.cells}
