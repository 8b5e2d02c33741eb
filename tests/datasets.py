"""Documents, and specifications of small datasets about them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from budwood_generation import GenerationSpec

OFFLINE = "offline/extractive"

DOCUMENTS = {
    "tea.md": """# Tea

## Brewing

Green tea is brewed at eighty degrees. The leaves stay in the water for two minutes. Boiling water makes it bitter.
A pot of one litre takes twelve grams of leaves. The leaves can be used three times.

## Storing

Tea is kept in a tin because light spoils its taste. A closed tin protects the leaves for two years.
Moisture is worse than light. Nobody should store tea beside coffee, since it takes on the smell.
""",
    "bridges.md": """# Bridges

An arch bridge carries its load by compression. The Romans built arch bridges from stone without mortar.
A suspension bridge hangs from steel cables. The cables pass over two towers and end in anchors of concrete.
Wind is the greatest danger for a suspension bridge. Engineers test models of it in a wind tunnel.
""",
    "clocks.txt": """A pendulum clock keeps time by the swing of a weight. Its period depends on the length of the rod.
Heat makes the rod longer, so that the clock goes slow in summer. Christiaan Huygens built the first one in 1656.

A quartz clock counts the vibrations of a crystal. The crystal vibrates 32,768 times in a second.
A battery drives it for about two years. It loses less than a second in a day.
""",
}

FACT = {
    "type": "object",
    "properties": {"subject": {"type": "string"}, "fact": {"type": "string"}},
    "required": ["subject", "fact"],
    "additionalProperties": False,
}
"""The schema of a structured row."""


def write_documents(folder: Path) -> None:
    """Write the documents into ``docs``."""
    (folder / "docs").mkdir(parents=True, exist_ok=True)
    for name, text in DOCUMENTS.items():
        (folder / "docs" / name).write_text(text, "utf-8")


def table(**changes: Any) -> dict[str, Any]:
    """Return a specification as a dictionary; None removes a key."""
    values = {
        "rows": 6,
        "seed": 7,
        "output": "data.jsonl",
        "documents": {"paths": ["docs/*"], "passage_chars": 300},
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


def conversation_spec(folder: Path, *, job: dict[str, Any] | None = None, **changes: Any) -> GenerationSpec:
    """Write the documents, and return a specification of conversations; ``job`` overrides options of the job."""
    write_documents(folder)
    conversation = {"answerer": OFFLINE, "turns": (1, 3), **(job or {})}
    return GenerationSpec.model_validate(table(conversation=conversation, root=folder, **changes))


def row_spec(folder: Path, *, job: dict[str, Any] | None = None, **changes: Any) -> GenerationSpec:
    """Write the documents, and return a specification of structured rows; ``job`` overrides options of the job."""
    write_documents(folder)
    row = {"model": OFFLINE, "schema": FACT, "instruction": "State one fact from the passage.", **(job or {})}
    return GenerationSpec.model_validate(table(row=row, root=folder, **changes))


def write_spec(spec: GenerationSpec) -> Path:
    """Write a specification to a file in its root folder, for another process."""
    saved = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    path = spec.root / "dataset.toml"
    path.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in saved.items()), "utf-8")
    return path


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read a dataset of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def calls_of(rows: list[dict[str, Any]]) -> int:
    """Return the number of calls for conversations in which a model asks the questions."""
    return sum(len(row["messages"]) for row in rows)
