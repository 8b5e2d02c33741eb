"""What was measured: samples of each round, by measure, contender and metric."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Metrics = dict[str, list[float]]


@dataclass
class Results:
    """
    All samples, and what went otherwise.

    Attributes:
        samples: Of each measure, of each contender, of each metric: one number a round.
        titles: What the report calls each measure.
        missing: Of each measure, of each contender: why it took no part.
        failures: The same, where it should have.
        about: The versions, the machine, the date.
    """

    samples: dict[str, dict[str, Metrics]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    missing: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    failures: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, measure: str, contender: str, found: dict[str, float]) -> None:
        """
        Add what one round found.
        """
        metrics = self.samples.setdefault(measure, {}).setdefault(contender, {})
        for name, value in found.items():
            metrics.setdefault(name, []).append(rounded(value))

    def get(self, measure: str, contender: str, metric: str) -> list[float]:
        """
        Return the samples; none where it was not measured.
        """
        return self.samples.get(measure, {}).get(contender, {}).get(metric, [])

    def as_data(self) -> dict[str, Any]:
        """
        Return all that JSON can hold.
        """
        return {
            "about": self.about,
            "titles": self.titles,
            "samples": self.samples,
            "missing": dict(self.missing),
            "failures": dict(self.failures),
        }


def rounded(value: float) -> float:
    """
    Keep five digits: no clock here is better.
    """
    return float(f"{value:.5g}")
