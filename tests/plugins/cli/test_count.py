from __future__ import annotations

import json

import pytest

PRICES = '{"local/tiny": {"context_window": 4096, "prices": {"input": 2, "output": 8}}}'

pytestmark = pytest.mark.one_python


def test_only_the_number_goes_to_standard_output(budwood, vendor):
    """
    The method goes to standard error. The model is not called.
    """
    run = budwood("count", "Why is the sky blue?", "-s", "Be brief.", BUDWOOD_MODELS=PRICES)

    assert run.returncode == 0
    assert 10 < int(run.stdout) < 30
    assert run.stderr.startswith("local/tiny: estimated: ")
    assert run.stderr.endswith(" to send\n")
    assert vendor.requests == []


def test_a_longer_prompt_has_more_tokens(budwood, vendor, tmp_path):
    """
    Standard input and files are counted as `ask` would send them.
    """
    (tmp_path / "note.txt").write_text("A note of some length. " * 20)

    counts = [
        int(budwood("count", stdin="Hello").stdout),
        int(budwood("count", "Hello", stdin="A text of some length. " * 20).stdout),
        int(budwood("count", "Hello", "-f", "note.txt").stdout),
    ]

    assert counts[0] < 20
    assert min(counts[1:]) > 60


def test_json_has_bounds_source_and_cost(budwood, vendor):
    """
    The output is one object, and unknown values are null.
    """
    known = json.loads(budwood("count", "Hello", "--json", BUDWOOD_MODELS=PRICES).stdout)
    unknown = json.loads(budwood("count", "Hello", "--json").stdout)

    assert known["low"] <= known["input_tokens"] <= known["high"]
    assert (known["exact"], known["source"], known["provider"], known["model"]) == (False, "estimate", "local", "tiny")
    assert float(known["cost"]) == pytest.approx(known["input_tokens"] * 2e-6)
    assert (known["context_window"], unknown["context_window"], unknown["cost"]) == (4096, None, None)


def test_offline_needs_no_key(budwood):
    """
    Without --offline, the vendor would be called, which needs a key.
    """
    assert budwood("count", "-m", "anthropic/claude-sonnet-4-5", "Hello").returncode == 4

    run = budwood("count", "-m", "anthropic/claude-sonnet-4-5", "--offline", "Hello")

    assert run.returncode == 0
    assert "estimated" in run.stderr


def test_the_hint_says_how_to_count_exactly(budwood):
    """
    If the plugin has no vocabulary, the hint says how to install it.
    """
    run = budwood("count", "-m", "openai/gpt-4o", "--offline", "Hello")

    assert "Set download = true in [tokenizers.tiktoken]" in run.stderr


def test_a_missing_prompt_is_an_error(budwood, vendor):
    """
    As for `ask`.
    """
    assert budwood("count").returncode == 2
