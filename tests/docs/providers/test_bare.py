"""A provider without a base class."""

from __future__ import annotations

import pytest

from budwood.contracts import Provider
from budwood.errors import (
    NotFoundError,
    QuotaExhaustedError,
    UnsupportedError,
    UnsupportedParameterError,
)
from budwood.providing import Parameters
from budwood.types import ModelRules
from tests.docs.providers.conftest import ANSWERS


def test_the_bare_provider_has_no_base_class(installed, context):
    """
    It satisfies the Protocol by its methods.
    """
    module = installed("wise")

    assert module.Wise.__mro__ == (module.Wise, object)
    assert isinstance(module.Wise(module.WiseSettings(), context), Provider)


@pytest.mark.parametrize(
    ("status", "word", "kind"), [(404, "no-such-model", NotFoundError), (402, "no-credit", QuotaExhaustedError)]
)
def test_the_vendors_error_codes_determine_the_class(asking, scripted, status, word, kind):
    """
    An error code takes precedence over the status.
    """
    scripted.reply(status, {"wrong": word, "text": "Sorry."})
    with asking("wise") as client, pytest.raises(kind, match="Sorry"):
        client.ask("Hi")


def test_unsupported_features_are_reported(asking, scripted):
    """
    Unsupported parameters are dropped and listed as adaptations; a conversation is rejected before it is sent.
    """
    scripted.reply(200, ANSWERS["wise"])
    with asking("wise") as client:
        reply = client.ask("Hi", max_tokens=50, seed=3, extra={"mood": "calm"})
        with pytest.raises(UnsupportedError, match="no conversations"):
            client.ask("Hi", system="Be brief.")

    sent = {"model": "wise-1", "question": "Hi", "length": 50, "mood": "calm"}
    assert scripted.sent() == sent
    assert [(adaptation.parameter, adaptation.action) for adaptation in reply.adaptations] == [("seed", "dropped")]
    assert len(scripted.calls) == 1


def test_only_a_provider_that_applies_rules_is_asked_again(asking, installed, scripted, monkeypatch):
    """
    A rejected parameter is learned if the provider looks up rules; otherwise the request is not repeated.
    """
    refusal = {"wrong": "bad", "text": "Unsupported parameter: 'temperature' is not supported."}
    scripted.reply(400, refusal).reply(200, ANSWERS["wise"]).reply(400, refusal)
    with asking("wise") as client:
        assert len(client.ask("Hi", temperature=0.5).attempts) == 2
    assert "temperature" not in scripted.sent()

    def heedless(request, _rules, **_):
        return Parameters({"temperature": request.temperature})

    monkeypatch.setattr(installed("wise"), "adapt_parameters", heedless)
    with asking("wise") as client, pytest.raises(UnsupportedParameterError):
        client.ask("Hi", temperature=0.5)
    assert len(scripted.calls) == 3


@pytest.mark.parametrize("parameter", ["max_tokens", "messages", "tools"])
def test_no_provider_can_drop_essential_parameters(asking, installed, scripted, monkeypatch, parameter):
    """
    A rule that would drop the output limit, messages, tools or schema is not learned.
    """

    def greedy(_self, _reply):
        error = UnsupportedParameterError("No.", param=parameter)
        error.rule = ModelRules(refuses={parameter})
        return error

    monkeypatch.setattr(installed("wise").Wise, "error", greedy)
    scripted.reply(400)
    with asking("wise") as client, pytest.raises(UnsupportedParameterError):
        client.ask("Hi", max_tokens=50)
    assert len(scripted.calls) == 1
