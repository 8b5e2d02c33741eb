"""What servers taught: rules that the catalog lacks, for the life of a client."""

from __future__ import annotations

import threading
from collections.abc import Callable

from budwood.types import ModelRules


class LearnedRules:
    """Keeps what was learned, by instance and model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], ModelRules] = {}
        self._forget: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def add(self, instance: str, model: str, rule: ModelRules) -> None:
        """Remember one more rule of a model."""
        key = (instance, model.lower())
        with self._lock:
            known = self._rules.get(key)
            self._rules[key] = rule if known is None else merge_rules(known, rule)
        for forget in self._forget:
            forget()

    def on_change(self, forget: Callable[[], None]) -> None:
        """Have a function called whenever a rule is added: caches of rules forget theirs."""
        self._forget.append(forget)

    def over(self, instance: str, model: str, rules: ModelRules) -> ModelRules:
        """Lay what was learned of a model over what the catalog says of it."""
        learned = self._rules.get((instance, model.lower()))
        return rules if learned is None else merge_rules(rules, learned)


def merge_rules(rules: ModelRules, learned: ModelRules) -> ModelRules:
    """Add rules to others; where they disagree those that came later hold."""
    efforts = {wanted: learned.efforts.get(sent, sent) for wanted, sent in rules.efforts.items()}
    return rules.model_copy(
        update={
            "renames": {**rules.renames, **learned.renames},
            "refuses": rules.refuses | learned.refuses,
            "refuses_beside": {**rules.refuses_beside, **learned.refuses_beside},
            "efforts": {**learned.efforts, **efforts},
            "traits": rules.traits | learned.traits,
            "learned": {**rules.learned, **learned.learned},
        }
    )
