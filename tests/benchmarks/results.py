"""The samples of each round, by measure, contender and metric."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Metrics = dict[str, list[float]]


@dataclass
class Results:
    """
    All samples, and what failed.

    Attributes:
        samples: One number per round, by measure, contender and metric.
        titles: The titles of the measures in the report.
        missing: Why a contender was not measured, by measure and contender.
        failures: Why a contender failed, by measure and contender.
        about: The versions, the machine and the date.
    """

    samples: dict[str, dict[str, Metrics]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    missing: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    failures: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    about: dict[str, Any] = field(default_factory=dict)

    def add(self, measure: str, contender: str, found: dict[str, float]) -> None:
        """
        Add the results of a round.
        """
        metrics = self.samples.setdefault(measure, {}).setdefault(contender, {})
        for name, value in found.items():
            metrics.setdefault(name, []).append(round_value(value))

    def get(self, measure: str, contender: str, metric: str) -> list[float]:
        """
        Return the samples; empty if not measured.
        """
        return self.samples.get(measure, {}).get(contender, {}).get(metric, [])

    def as_data(self) -> dict[str, Any]:
        """
        Return the results as JSON data.
        """
        return {
            "about": self.about,
            "titles": self.titles,
            "samples": self.samples,
            "missing": dict(self.missing),
            "failures": dict(self.failures),
        }


def round_value(value: float) -> float:
    """
    Round to five digits, the precision of the clocks.
    """
    return float(f"{value:.5g}")
