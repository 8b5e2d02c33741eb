"""The names of attributes and metrics, compared with the conventions that OpenTelemetry publishes for Python."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes

from budwood_opentelemetry import names

LATER = {"moonshot_ai"}
"""Values of the conventions that the installed package may not have yet."""


def list_texts(module):
    """
    Return the texts that a module defines: constants, and the values of its mappings and enumerations.
    """
    for value in vars(module).values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from (each for each in value.values() if isinstance(each, str))
        elif isinstance(value, enum.EnumMeta):
            yield from (member.value for member in value)
        elif isinstance(value, names.HistogramName):
            yield value.name


def test_names_are_those_of_the_conventions():
    """
    Each name that is not Budwood's own exists in the conventions, as an attribute or a metric.
    """
    modules = (gen_ai_attributes, gen_ai_metrics, error_attributes, http_attributes, server_attributes)
    published = {text for module in modules for text in list_texts(module)}

    ours = {text for text in list_texts(names) if text.startswith(("gen_ai.", "server.", "http.", "error."))}
    assert len(ours) > 30
    assert ours <= published


def test_operations_and_providers_are_those_of_the_conventions():
    """
    The values that Budwood translates to are values of the conventions.
    """
    published = {*list_texts(gen_ai_attributes), *LATER}

    assert {*names.OPERATIONS.values(), *names.PROVIDERS.values(), names.EXECUTE_TOOL} <= published
