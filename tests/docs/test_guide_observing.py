"""The tables of docs/guides/observing.md."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry

from budwood.types import Observation
from budwood_prometheus.metrics import metrics_of

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "observing.md").read_text("utf-8")


@pytest.mark.parametrize("event", get_args(Observation))
def test_guide_lists_the_fields_of_each_event(event):
    """
    The table of events has a row for each of them, with all fields besides `call`.
    """
    (fields,) = re.findall(rf"^\| `{event.__name__}` \| [^|]* \| (.*) \|$", GUIDE, re.MULTILINE)

    listed = re.findall(r"`(\w+)`", fields)
    assert sorted(listed) == sorted(field.name for field in dataclasses.fields(event) if field.name != "call")


def test_guide_lists_the_metrics_of_prometheus():
    """
    It has all metrics, and only those.
    """
    registry = CollectorRegistry()
    metrics_of(registry)

    listed = {name.removesuffix("_total") for name in re.findall(r"`(budwood_\w+)`", GUIDE)}
    assert listed - {"budwood_opentelemetry"} == {metric.name for metric in registry.collect()}
