from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood import Client
from budwood.types import ChatRequest, Message, ModelRules, VendorTool
from budwood_transformers.sampling import sampling_options

temperatures = st.floats(1e-6, 1e6)


def request_of(**changes):
    """Ask for something."""
    return ChatRequest(model="m", messages=(Message.user("hi"),), **changes)


@pytest.mark.parametrize(
    ("given", "options"),
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
def test_parameters_become_options_of_generate(given, options):
    """
    What is not given stays as the model's own configuration says.
    """
    assert sampling_options(request_of(**given)) == options


def test_parameters_without_a_place_are_receipts(local):
    """
    One each, with the reason.
    """
    given = {
        "reasoning_effort": "low",
        "reasoning_budget": 5,
        "parallel_tool_calls": False,
        "vendor_tools": (VendorTool(provider="acme", data={}),),
    }

    receipts = local().adaptations(request_of(**given))

    assert {receipt.parameter: receipt.action for receipt in receipts} == dict.fromkeys(given, "dropped")


def test_what_the_catalog_says_a_model_refuses_is_left_out(local, tiny_folder):
    """
    A user's row counts here as with any vendor, and the receipt says so.
    """
    provider = local(ModelRules(refuses=frozenset({"max_tokens", "stop"})), max_tokens=3)
    request = request_of(max_tokens=1, stop=("e",), seed=1).model_copy(update={"model": str(tiny_folder)})

    events = list(provider.stream(request))

    assert [receipt.parameter for receipt in provider.adaptations(request)] == ["max_tokens", "stop"]
    [usage] = {event.usage.output_tokens for event in events[-2:] if hasattr(event, "usage")}
    assert usage == 3


@given(
    scores=st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=20),
    temperature=temperatures,
    top_p=st.floats(0, 1),
    seed=st.integers(),
)
def test_one_token_is_left_and_the_seed_decides_which(scores, temperature, top_p, seed):
    """
    Whatever the scores, the temperature and the seed, a token is drawn, always the same.
    """
    import torch
    from transformers import GenerationConfig

    from budwood_transformers.choosing import Choice

    config = GenerationConfig(do_sample=True, temperature=temperature, top_p=top_p)
    given = torch.tensor([scores])

    drawn = [Choice(config, seed)(None, given) for _ in range(2)]

    assert torch.equal(*drawn)
    assert int(torch.isfinite(drawn[0]).sum()) == 1


def test_temperature_near_zero_takes_the_best(tiny_folder):
    """
    It is the same as none.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        cold = client.ask("hi", temperature=1e-30, max_tokens=20).text
        none = client.ask("hi", temperature=0, max_tokens=20).text

    assert cold == none


def test_draws_follow_the_scores():
    """
    Over many seeds a token comes as often as its score says.
    """
    import torch
    from transformers import GenerationConfig

    from budwood_transformers.choosing import Choice

    scores = torch.log(torch.tensor([[0.6, 0.3, 0.1]]))
    config = GenerationConfig(do_sample=True, temperature=1.0, top_k=0)

    drawn = [int(Choice(config, seed)(None, scores).argmax()) for seed in range(2000)]

    assert [drawn.count(token) / 2000 for token in range(3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.04)


def test_top_k_and_top_p_leave_out_the_unlikely():
    """
    What they leave out is never drawn.
    """
    import torch
    from transformers import GenerationConfig

    from budwood_transformers.choosing import Choice

    scores = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))

    def drawn(**options):
        config = GenerationConfig(do_sample=True, **({"top_k": 0} | options))
        return {int(Choice(config, seed)(None, scores).argmax()) for seed in range(200)}

    assert drawn(top_k=2) == {0, 1}
    assert drawn(top_p=0.9) == {0, 1, 2}
    assert drawn() == {0, 1, 2, 3}


def test_penalties_count_what_was_written_and_not_the_prompt():
    """
    Presence once, frequency once for each time.
    """
    import torch

    from budwood_transformers.choosing import Penalties

    scores = torch.zeros(1, 4)
    written = torch.tensor([[0, 0, 1, 1, 2]])  # the first two are the prompt

    changed = Penalties(2, frequency=0.5, presence=0.25)(written, scores)

    assert changed.tolist() == [[0.0, -1.25, -0.75, 0.0]]


def test_frequency_penalty_reaches_the_model(parrot):
    """
    A model that would repeat itself for ever does so no longer.
    """
    with Client(f"transformers/{parrot('la', ' le', ends=False)}") as client:
        plain = client.ask("sing", temperature=0, max_tokens=12).text
        varied = client.ask("sing", temperature=0, max_tokens=12, frequency_penalty=100).text

    assert plain == "la le" * 6
    assert varied.count("la") < 6


def test_variables_of_the_chat_template_come_from_extra(tiny_folder):
    """
    `chat_template_kwargs` is how templates are told to think or not.
    """
    with Client(f"transformers/{tiny_folder}") as client:
        plain = client.count_tokens("hi").input_tokens
        moody = client.count_tokens("hi", extra={"chat_template_kwargs": {"mood": "glad"}}).input_tokens

    assert moody == plain + len("<|mood|>glad")
