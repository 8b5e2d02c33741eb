from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.types import ChatRequest, Message, ModelRules, VendorTool
from budwood_transformers.sampling import sampling_options

temperatures = st.floats(1e-6, 1e6)


def request_of(**changes):
    """Create a request."""
    return ChatRequest(model="m", messages=(Message.user("hi"),), **changes)


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({}, {}),
        ({"temperature": 0}, {"do_sample": False}),
        ({"temperature": 0, "top_p": 0.5}, {"do_sample": False}),
        ({"temperature": 1e-9}, {"do_sample": False}),
        ({"temperature": 0.5}, {"do_sample": True, "temperature": 0.5}),
        ({"top_p": 0.5}, {"do_sample": True, "top_p": 0.5}),
        ({"extra": {"top_k": 3}}, {"top_k": 3}),
        ({"extra": {"do_sample": False}}, {"do_sample": False}),
    ],
)
def test_parameters_are_converted_to_options(parameters, options):
    """
    Parameters become options of ``generate``; others keep the values of the model's configuration.
    """
    assert sampling_options(request_of(**parameters)) == options


def test_unsupported_parameters_are_adaptations(local):
    """
    Each unsupported parameter is reported as dropped.
    """
    parameters = {
        "reasoning_effort": "low",
        "reasoning_budget": 5,
        "parallel_tool_calls": False,
        "vendor_tools": (VendorTool(provider="acme", data={}),),
    }

    adaptations = local().adaptations(request_of(**parameters))

    assert {one.parameter: one.action for one in adaptations} == dict.fromkeys(parameters, "dropped")


def test_parameters_rejected_by_the_catalog_are_dropped(local, tiny_folder):
    """
    Parameters that the catalog lists as unsupported are dropped and reported.
    """
    provider = local(ModelRules(refuses=frozenset({"max_tokens", "stop"})), max_tokens=3)
    request = request_of(max_tokens=1, stop=("e",), seed=1).model_copy(update={"model": str(tiny_folder)})

    events = list(provider.stream(request))

    assert [adaptation.parameter for adaptation in provider.adaptations(request)] == ["max_tokens", "stop"]
    [usage] = {event.usage.output_tokens for event in events[-2:] if hasattr(event, "usage")}
    assert usage == 3


@given(
    scores=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=20),
    temperature=temperatures,
    top_p=st.floats(0, 1),
    seed=st.integers(),
)
def test_sampling_is_reproducible(scores, temperature, top_p, seed):
    """
    For any scores, temperature and seed, exactly one token is sampled, always the same.
    """
    import torch
    from transformers import GenerationConfig

    from budwood_transformers.logits_processors import SampleToken

    config = GenerationConfig(do_sample=True, temperature=temperature, top_p=top_p)
    tensor = torch.tensor([scores])

    drawn = [SampleToken(config, seed)(None, tensor) for _ in range(2)]

    assert torch.equal(*drawn)
    assert int(torch.isfinite(drawn[0]).sum()) == 1


def test_temperature_near_zero_equals_zero(tiny_folder):
    """
    A temperature near 0 gives the same reply as 0.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        cold = client.ask("hi", temperature=1e-30, max_tokens=20).text
        none = client.ask("hi", temperature=0, max_tokens=20).text

    assert cold == none


def test_samples_follow_the_probabilities():
    """
    Over many seeds, the frequency of a token is its probability.
    """
    import torch
    from transformers import GenerationConfig

    from budwood_transformers.logits_processors import SampleToken

    scores = torch.log(torch.tensor([[0.6, 0.3, 0.1]]))
    config = GenerationConfig(do_sample=True, temperature=1.0, top_k=0)

    drawn = [int(SampleToken(config, seed)(None, scores).argmax()) for seed in range(2000)]

    assert [drawn.count(token) / 2000 for token in range(3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.04)


def test_top_k_and_top_p_exclude_unlikely_tokens():
    """
    Excluded tokens are never sampled.
    """
    import torch
    from transformers import GenerationConfig

    from budwood_transformers.logits_processors import SampleToken

    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))

    def drawn(**options):
        config = GenerationConfig(do_sample=True, **({"top_k": 0} | options))
        return {int(SampleToken(config, seed)(None, scores).argmax()) for seed in range(200)}

    assert drawn(top_k=2) == {0, 1}
    assert drawn(top_p=0.9) == {0, 1, 2}
    assert drawn() == {0, 1, 2, 3}


def test_penalties_apply_to_the_reply_only():
    """
    Penalties count tokens of the reply, not of the prompt: presence once, frequency per occurrence.
    """
    import torch

    from budwood_transformers.logits_processors import Penalties

    scores = torch.zeros(1, 4)
    tokens = torch.tensor([[0, 0, 1, 1, 2]])  # the first two are the prompt

    changed = Penalties(2, frequency=0.5, presence=0.25)(tokens, scores)

    assert changed.tolist() == [[0.0, -1.25, -0.75, 0.0]]


def test_frequency_penalty_reduces_repetition(parrot):
    """
    With a frequency penalty a repetitive model repeats less.
    """
    with Client(f"transformers/{parrot('la', ' le', ends=False)}") as client:
        plain = client.ask("sing", temperature=0, max_tokens=12).text
        varied = client.ask("sing", temperature=0, max_tokens=12, frequency_penalty=100).text

    assert plain == "la le" * 6
    assert varied.count("la") < 6


def test_extra_sets_chat_template_variables(tiny_folder):
    """
    `chat_template_kwargs` in `extra` sets variables of the chat template.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        plain = client.count_tokens("hi").input_tokens
        moody = client.count_tokens("hi", extra={"chat_template_kwargs": {"mood": "glad"}}).input_tokens

    assert moody == plain + len("<|mood|>glad")
