"""How far our estimate of tokens is from what vendors counted."""

from __future__ import annotations

import sys

from budwood.providing import estimate_request
from tests.contract import recorded_usage

LARGE = 200
"""Of requests with fewer tokens most is what vendors put around the text."""


def quantile(values, share):
    """
    Find the value below which a share of them lies.
    """
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def test_the_bounds_hold_for_recorded_requests(shared_folder):
    """
    No recorded request had fewer tokens than the lower bound; of a thousand hardly two had more than the upper one.
    """
    estimates = [(one, estimate_request(one.request)) for one in recorded_usage.counted()]

    assert len(estimates) > 1200
    assert [one.file for one, estimate in estimates if one.input_tokens < estimate.low] == []
    above = [one.file for one, estimate in estimates if one.input_tokens > estimate.high]
    assert len(above) <= 0.002 * len(estimates)


def test_plain_text_is_estimated_within_what_the_guide_says(shared_folder, capsys):
    """
    Of requests of text alone, the error has the spread that the guide to tokens prints.
    """
    errors = {}
    for one in recorded_usage.counted():
        request = one.request
        plain = one.text_only and not (request.tools or request.output_schema or "functions" in request.extra)
        if plain and one.input_tokens >= LARGE:
            errors.setdefault(one.api, []).append(estimate_request(request).tokens / one.input_tokens - 1)

    openai = [error for api in ("openai-chat", "responses", "azure") for error in errors[api]]
    with capsys.disabled():
        for api, found in {**errors, "OpenAI's three": openai}.items():
            low, middle, high = (quantile(found, share) for share in (0.025, 0.5, 0.975))
            sys.stdout.write(f"\ntokens: {api}, {len(found)} requests: {low:+.0%} … {middle:+.0%} … {high:+.0%}")
        sys.stdout.write("\n")
    assert quantile(openai, 0.025) > -0.15
    assert quantile(openai, 0.975) < 0.15
