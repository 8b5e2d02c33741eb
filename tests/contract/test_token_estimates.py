"""The accuracy of Budwood's token estimates, compared with the counts of vendors."""

from __future__ import annotations

import math
import sys

from budwood.engine.accounting.calibration import Calibration
from budwood.providing import estimate_request
from tests.contract import recorded_usage

LARGE = 200
"""In smaller requests, most tokens are what vendors add to the text."""


def quantile(values, share):
    """
    Return the quantile of some values.
    """
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def test_the_bounds_hold_for_recorded_requests(shared_folder):
    """
    No recorded request has fewer tokens than the lower bound, and at most two in a thousand exceed the upper bound.
    """
    estimates = [(one, estimate_request(one.request)) for one in recorded_usage.list_counted_requests()]

    assert len(estimates) > 1200
    assert [one.file for one, estimate in estimates if one.input_tokens < estimate.low] == []
    above = [one.file for one, estimate in estimates if one.input_tokens > estimate.high]
    assert len(above) <= 0.002 * len(estimates)


def test_error_for_plain_text(shared_folder, capsys):
    """
    For requests of text, the errors have the distribution that the guide to tokens prints.
    """
    errors = {}
    for one in recorded_usage.list_counted_requests():
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


def test_calibration_improves_estimates(shared_folder, capsys):
    """
    In the order of the recordings, calibrated estimates are far more accurate.
    """
    recorded = recorded_usage.list_counted_requests()
    figures = {
        "text alone": _measure_calibration(recorded, lambda one: not _has_tools(one) and one.text_only),
        "with tools or a schema": _measure_calibration(recorded, _has_tools),
        "all": _measure_calibration(recorded, lambda _one: True),
        "first of each recording": _measure_calibration(_select_first_of_each_recording(recorded), lambda _one: True),
    }
    with capsys.disabled():
        for name, (plain, calibrated, within_bounds) in figures.items():
            spreads = " and ".join(
                f"{quantile(errors, 0.5):.1%} (90 %: {quantile(errors, 0.9):.0%})" for errors in (plain, calibrated)
            )
            sys.stdout.write(
                f"\ncalibration, {name}, {len(plain)} requests: {spreads}, bounds hold {within_bounds:.0%}"
            )
        sys.stdout.write("\n")
    for plain, calibrated, within_bounds in figures.values():
        assert len(plain) > 100
        assert quantile(calibrated, 0.5) < 0.5 * quantile(plain, 0.5)
        assert quantile(calibrated, 0.9) < 0.6 * quantile(plain, 0.9)
        assert within_bounds > 0.9


def _has_tools(one):
    return bool(one.request.tools or one.request.output_schema)


def _select_first_of_each_recording(recorded):
    first = {}
    for one in recorded:
        first.setdefault((one.file, one.model), one)
    return first.values()


def _measure_calibration(recorded, predicate):
    """
    Return the errors without and with calibration, as factors above one, and the share of bounds that hold.
    """
    calibration = Calibration()
    plain, calibrated_errors, within_bounds = [], [], []
    for one in recorded:
        estimate = estimate_request(one.request)
        calibrated = calibration.correct(one.api, one.request, estimate)
        if calibrated is not None and predicate(one):
            plain.append(_compute_error(estimate.tokens, one.input_tokens))
            calibrated_errors.append(_compute_error(calibrated.tokens, one.input_tokens))
            within_bounds.append(calibrated.low <= one.input_tokens <= calibrated.high)
        calibration.learn(one.api, one.request, one.input_tokens)
    return plain, calibrated_errors, sum(within_bounds) / len(within_bounds)


def _compute_error(estimated, counted):
    return math.exp(abs(math.log(estimated / counted))) - 1
