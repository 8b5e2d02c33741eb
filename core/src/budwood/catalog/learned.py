"""Rules that a client learned from the errors of servers. They last as long as the client."""

from __future__ import annotations

import threading
from collections.abc import Callable

from budwood.types import ModelRules


class LearnedRules:
    """The learned rules, by instance and model. Safe to use from several threads."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], ModelRules] = {}
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    def add(self, instance: str, model: str, rule: ModelRules) -> None:
        """Add a rule of a model."""
        key = (instance, model.lower())
        with self._lock:
            known = self._rules.get(key)
            self._rules[key] = rule if known is None else merge_rules(known, rule)
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a function whenever a rule is added, such as one that clears a cache of rules."""
        self._listeners.append(listener)

    def apply_to(self, rules: ModelRules, instance: str, model: str) -> ModelRules:
        """Return the rules of a model in the catalog, merged with those that were learned."""
        learned = self._rules.get((instance, model.lower()))
        return rules if learned is None else merge_rules(rules, learned)


def merge_rules(rules: ModelRules, learned: ModelRules) -> ModelRules:
    """Merge rules. If they differ, the learned ones take precedence."""
    efforts = {effort: learned.efforts.get(sent, sent) for effort, sent in rules.efforts.items()}
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
