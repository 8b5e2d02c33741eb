"""Names of models, and what they stand for."""

from __future__ import annotations

import pytest

from budwood.types import ModelDetails, ModelFacts, ModelRules
from budwood_server.gateway.names import ModelNames
from budwood_server.settings import ModelRoute
from budwood_server.web.problems import ProblemError

KNOWN = {"openai": ["gpt-5.1", "gpt-5.1-mini"], "azure": ["gpt-5.1"], "groq": ["llama-4"]}


def describe(address):
    """Return what is known about a model."""
    provider, _, model = address.partition("/")
    return ModelDetails(
        provider=provider, model=model, capabilities=frozenset(), rules=ModelRules(), facts=ModelFacts(), api="openai"
    )


def names(routes=None, *, providers=tuple(KNOWN), vendor_names=True):
    """Return names with routes, by default of three vendors."""
    parsed = {name: ModelRoute(models=models) for name, models in (routes or {}).items()}
    return ModelNames(parsed, providers, describe, lambda each: KNOWN.get(each, ()), vendor_names=vendor_names)


def problem_of(name, known):
    """Return the problem of a name that does not resolve."""
    with pytest.raises(ProblemError) as error:
        known.resolve(name)
    return error.value.problem


def test_public_name_stands_for_its_models_in_order():
    """
    The first model of a route is asked first, the others are its fallbacks.
    """
    found = names({"fast": ("groq/llama-4", "openai/gpt-5.1-mini")}).resolve("fast")

    assert found.name == "fast"
    assert found.options == {"model": "groq/llama-4", "fallbacks": ("openai/gpt-5.1-mini",)}
    assert found.provider == "groq"


def test_public_name_takes_precedence_over_a_vendors():
    """
    A route may have the name of a vendor's model.
    """
    found = names({"gpt-5.1-mini": ("groq/llama-4",)}).resolve("gpt-5.1-mini")

    assert found.options["model"] == "groq/llama-4"


def test_address_and_bare_name_have_one_name():
    """
    However a client writes the name of a vendor's model, allow-lists, usage and budgets see the address.
    """
    known = names()

    assert known.resolve("openai/gpt-5.1-mini").name == known.resolve("gpt-5.1-mini").name == "openai/gpt-5.1-mini"
    assert known.resolve("OpenAI/gpt-5.1-mini").name == "openai/gpt-5.1-mini"


def test_bare_name_of_several_providers_is_ambiguous():
    """
    A name that several providers have is not found; the hint has the addresses.
    """
    problem = problem_of("gpt-5.1", names())

    assert (problem.status, problem.code, problem.param) == (404, "model_not_found", "model")
    assert "openai/gpt-5.1, azure/gpt-5.1" in problem.hint


def test_unknown_name_has_similar_names_as_hint():
    """
    The error of a misspelt name suggests the right one.
    """
    problem = problem_of("fasst", names({"fast": ("groq/llama-4",)}))

    assert problem.status == 404
    assert "fast" in problem.hint


@pytest.mark.parametrize("name", ["openai/gpt-5.1", "llama-4"])
def test_names_of_vendors_can_be_turned_off(name):
    """
    With ``vendor_names = false``, only public names resolve.
    """
    assert problem_of(name, names({"fast": ("groq/llama-4",)}, vendor_names=False)).code == "model_not_found"


def test_provider_that_is_not_configured_does_not_resolve():
    """
    An address of a provider without settings or key is not found.
    """
    assert problem_of("mistral/large", names()).code == "model_not_found"


def test_hidden_route_resolves_but_is_not_listed():
    """
    ``hidden`` leaves a name out of the list only.
    """
    known = ModelNames(
        {"secret": ModelRoute(models=("groq/llama-4",), hidden=True), "fast": ModelRoute(models=("groq/llama-4",))},
        ("groq",),
        describe,
        KNOWN.__getitem__,
        vendor_names=True,
    )

    assert [*known.list()] == ["fast", "groq/llama-4"]
    assert known.resolve("secret").name == "secret"
