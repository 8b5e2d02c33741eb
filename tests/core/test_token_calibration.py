"""Token counts of vendors improve later estimates."""

from __future__ import annotations

import threading

import pytest

from budwood import Client
from budwood.engine.accounting.calibration import MAX_WAITING, Calibration
from budwood.providing import estimate_request
from budwood.types import ChatRequest, ImagePart, Message, TextPart, ToolDefinition
from budwood_testing import chat_reply

TEXT = "A word or two of English prose, and a few more. " * 20


def make_request(text, **parameters):
    """
    Return a request with one text.
    """
    return ChatRequest(model="m", messages=(Message.user(text),), **parameters)


def learn_calibration(factor, *texts):
    """
    Return a calibration by a vendor whose counts are this multiple of the estimates.
    """
    calibration = Calibration()
    for text in texts:
        request = make_request(text)
        calibration.learn("acme", request, round(estimate_request(request).tokens * factor))
    return calibration


def get_corrected_estimate(calibration, request, endpoint="acme"):
    """
    Return the corrected estimate of a request.
    """
    return calibration.correct(endpoint, request, estimate_request(request))


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.3, 2.5])
def test_the_estimate_approaches_the_vendors_count(factor):
    """
    After a few replies it is within 5 percent, and its bounds within 20.
    """
    calibration = learn_calibration(factor, *[TEXT] * 4)
    request = make_request(TEXT + TEXT)
    counted = estimate_request(request).tokens * factor

    low, tokens, high = get_corrected_estimate(calibration, request)

    assert tokens == pytest.approx(counted, rel=0.05)
    assert 0.8 * counted < low < tokens < high < 1.2 * counted


def test_one_reply_changes_the_estimate_but_not_the_bounds():
    """
    Bounds become narrower only after several replies.
    """
    plain = estimate_request(make_request(TEXT))

    low, tokens, high = get_corrected_estimate(learn_calibration(1.3, TEXT), make_request(TEXT))

    assert tokens == pytest.approx(1.3 * plain.tokens, rel=0.02)
    assert (low, high) == (plain.low, plain.high)


def test_replies_that_disagree_leave_the_bounds_wide():
    """
    A vendor whose counts vary is not predictable.
    """
    calibration = Calibration()
    for factor in (0.8, 1.4) * 4:
        calibration.learn("acme", make_request(TEXT), round(estimate_request(make_request(TEXT)).tokens * factor))
        get_corrected_estimate(calibration, make_request(TEXT))
    plain = estimate_request(make_request(TEXT))

    low, _, high = get_corrected_estimate(calibration, make_request(TEXT))

    assert low <= 0.8 * plain.tokens
    assert high >= 1.4 * plain.tokens


def test_a_change_of_the_vendors_count_is_followed():
    """
    Later replies have more weight.
    """
    calibration = learn_calibration(1.0, *[TEXT] * 4)
    get_corrected_estimate(calibration, make_request(TEXT))
    for _ in range(12):
        calibration.learn("acme", make_request(TEXT), round(estimate_request(make_request(TEXT)).tokens * 1.5))
        get_corrected_estimate(calibration, make_request(TEXT))

    assert (
        get_corrected_estimate(calibration, make_request(TEXT)).tokens
        > 1.4 * estimate_request(make_request(TEXT)).tokens
    )


def test_corrections_are_limited():
    """
    They are between a quarter and four times the estimate.
    """
    plain = estimate_request(make_request(TEXT)).tokens

    assert get_corrected_estimate(learn_calibration(100, TEXT), make_request(TEXT)).tokens == pytest.approx(4 * plain)
    assert get_corrected_estimate(learn_calibration(0.01, TEXT), make_request(TEXT)).tokens == pytest.approx(plain / 4)


@pytest.mark.parametrize(
    "request_",
    [
        make_request("Hello"),
        make_request(TEXT * 10),
        make_request(TEXT, tools=(ToolDefinition(name="now", parameters={}),)),
        make_request(TEXT).model_copy(update={"model": "other"}),
        ChatRequest(
            model="m",
            messages=(
                Message(role="user", parts=(TextPart(text=TEXT), ImagePart(url="https://vendor.example/a.png"))),
            ),
        ),
    ],
    ids=["short", "far longer", "with tools", "another model", "with an image"],
)
def test_corrections_apply_only_to_similar_requests(request_):
    """
    They apply to texts of the same model with a similar length.
    """
    assert get_corrected_estimate(learn_calibration(1.3, *[TEXT] * 4), request_) is None


def test_corrections_apply_only_to_one_endpoint():
    """
    The same name may be another model elsewhere.
    """
    assert get_corrected_estimate(learn_calibration(1.3, TEXT), make_request(TEXT), endpoint="other") is None


@pytest.mark.parametrize("counted", [None, 0])
def test_a_reply_without_usage_is_ignored(counted):
    """
    Unknown is not zero.
    """
    calibration = Calibration()
    calibration.learn("acme", make_request(TEXT), counted)

    assert get_corrected_estimate(calibration, make_request(TEXT)) is None


def test_only_a_few_requests_are_stored():
    """
    A model's last few requests are stored until a count is requested; very long ones are not stored.
    """
    calibration = learn_calibration(1.0, *[TEXT] * (MAX_WAITING + 5))
    calibration.learn("acme", make_request("word " * 50_000), 50_000)

    (ratio,) = calibration._ratios.values()
    assert len(ratio.waiting) == MAX_WAITING


def test_threads_learn_concurrently():
    """
    No count is lost.
    """
    calibration = learn_calibration(1.2, TEXT)
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        for _ in range(50):
            calibration.learn("acme", make_request(TEXT), round(estimate_request(make_request(TEXT)).tokens * 1.2))
            get_corrected_estimate(calibration, make_request(TEXT))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert get_corrected_estimate(calibration, make_request(TEXT)).tokens == pytest.approx(
        1.2 * estimate_request(make_request(TEXT)).tokens, rel=0.02
    )


def test_a_client_learns_from_its_replies(scripted, clock):
    """
    The count is marked as calibrated, and other clients are not affected.
    """
    with Client("openrouter/x", api_key="k", transport=scripted, clock=clock, cache=False) as client:
        plain = client.count_tokens(TEXT)
        for _ in range(3):
            reply = chat_reply("Yes.")
            reply["usage"]["prompt_tokens"] = 2 * plain.input_tokens
            scripted.reply(body=reply)
            client.ask(TEXT)
        calibrated = client.count_tokens(TEXT)
    with Client("openrouter/x", api_key="k", transport=scripted, clock=clock, cache=False) as other:
        assert other.count_tokens(TEXT) == plain

    assert (plain.source, calibrated.source) == ("estimate", "calibrated")
    assert calibrated.input_tokens == pytest.approx(2 * plain.input_tokens, rel=0.02)
    assert not calibrated.exact
    assert calibrated.high - calibrated.low < plain.high - plain.low
