"""What vendors count makes later estimates better."""

from __future__ import annotations

import threading

import pytest

from budwood import Client
from budwood.engine.accounting.calibration import MAX_WAITING, Calibration
from budwood.providing import estimate_request
from budwood.types import ChatRequest, ImagePart, Message, TextPart, ToolDefinition
from budwood_testing import chat_reply

TEXT = "A word or two of English prose, and a few more. " * 20


def request_of(text, **parameters):
    """
    Make a request of one text.
    """
    return ChatRequest(model="m", messages=(Message.user(text),), **parameters)


def learned(factor, *texts):
    """
    Make a calibration by a vendor that counts so many times what is estimated.
    """
    calibration = Calibration()
    for text in texts:
        request = request_of(text)
        calibration.learn("acme", request, round(estimate_request(request).tokens * factor))
    return calibration


def applied(calibration, request, endpoint="acme"):
    """
    Estimate by what was learned.
    """
    return calibration.correct(endpoint, request, estimate_request(request))


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.3, 2.5])
def test_the_estimate_becomes_what_the_vendor_counts(factor):
    """
    After a few replies it is within a twentieth, and its bounds within a fifth of it.
    """
    calibration = learned(factor, *[TEXT] * 4)
    request = request_of(TEXT + TEXT)
    counted = estimate_request(request).tokens * factor

    low, tokens, high = applied(calibration, request)

    assert tokens == pytest.approx(counted, rel=0.05)
    assert 0.8 * counted < low < tokens < high < 1.2 * counted


def test_one_reply_moves_the_estimate_and_leaves_the_bounds():
    """
    Bounds narrow only after several.
    """
    plain = estimate_request(request_of(TEXT))

    low, tokens, high = applied(learned(1.3, TEXT), request_of(TEXT))

    assert tokens == pytest.approx(1.3 * plain.tokens, rel=0.02)
    assert (low, high) == (plain.low, plain.high)


def test_replies_that_disagree_leave_the_bounds_wide():
    """
    A vendor that counts now this, now that is not known well.
    """
    calibration = Calibration()
    for factor in (0.8, 1.4) * 4:
        calibration.learn("acme", request_of(TEXT), round(estimate_request(request_of(TEXT)).tokens * factor))
        applied(calibration, request_of(TEXT))
    plain = estimate_request(request_of(TEXT))

    low, _, high = applied(calibration, request_of(TEXT))

    assert low <= 0.8 * plain.tokens
    assert high >= 1.4 * plain.tokens


def test_a_vendor_that_counts_otherwise_from_now_on_is_followed():
    """
    Late replies weigh more than early ones.
    """
    calibration = learned(1.0, *[TEXT] * 4)
    applied(calibration, request_of(TEXT))
    for _ in range(12):
        calibration.learn("acme", request_of(TEXT), round(estimate_request(request_of(TEXT)).tokens * 1.5))
        applied(calibration, request_of(TEXT))

    assert applied(calibration, request_of(TEXT)).tokens > 1.4 * estimate_request(request_of(TEXT)).tokens


def test_no_count_is_believed_beyond_reason():
    """
    Four times the estimate is the most, a quarter the least.
    """
    plain = estimate_request(request_of(TEXT)).tokens

    assert applied(learned(100, TEXT), request_of(TEXT)).tokens == pytest.approx(4 * plain)
    assert applied(learned(0.01, TEXT), request_of(TEXT)).tokens == pytest.approx(plain / 4)


@pytest.mark.parametrize(
    "request_",
    [
        request_of("Hello"),
        request_of(TEXT * 10),
        request_of(TEXT, tools=(ToolDefinition(name="now", parameters={}),)),
        request_of(TEXT).model_copy(update={"model": "other"}),
        ChatRequest(
            model="m",
            messages=(
                Message(role="user", parts=(TextPart(text=TEXT), ImagePart(url="https://vendor.example/a.png"))),
            ),
        ),
    ],
    ids=["short", "far longer", "with tools", "another model", "with an image"],
)
def test_nothing_is_said_of_other_requests_than_those_learned_from(request_):
    """
    What was learned of texts holds for texts of that model, of about that length.
    """
    assert applied(learned(1.3, *[TEXT] * 4), request_) is None


def test_another_endpoint_is_another_matter():
    """
    The same name of a model may be another model elsewhere.
    """
    assert applied(learned(1.3, TEXT), request_of(TEXT), endpoint="other") is None


@pytest.mark.parametrize("counted", [None, 0])
def test_a_reply_without_usage_teaches_nothing(counted):
    """
    Unknown is not zero.
    """
    calibration = Calibration()
    calibration.learn("acme", request_of(TEXT), counted)

    assert applied(calibration, request_of(TEXT)) is None


def test_only_a_few_requests_are_kept():
    """
    Until somebody counts, a model's last few wait; enormous ones are not kept at all.
    """
    calibration = learned(1.0, *[TEXT] * (MAX_WAITING + 5))
    calibration.learn("acme", request_of("word " * 50_000), 50_000)

    (ratio,) = calibration._ratios.values()
    assert len(ratio.waiting) == MAX_WAITING


def test_threads_learn_side_by_side():
    """
    No count is lost or torn by another thread's.
    """
    calibration = learned(1.2, TEXT)
    begin = threading.Barrier(8)

    def work():
        begin.wait()
        for _ in range(50):
            calibration.learn("acme", request_of(TEXT), round(estimate_request(request_of(TEXT)).tokens * 1.2))
            applied(calibration, request_of(TEXT))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert applied(calibration, request_of(TEXT)).tokens == pytest.approx(
        1.2 * estimate_request(request_of(TEXT)).tokens, rel=0.02
    )


def test_a_client_learns_from_its_replies(scripted, clock):
    """
    The count says that it was calibrated, and no other client knows of it.
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
