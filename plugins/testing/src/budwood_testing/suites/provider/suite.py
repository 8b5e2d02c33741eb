"""All that is asked of a provider."""

from __future__ import annotations

from budwood_testing.suites.provider.agreeing import Agreeing
from budwood_testing.suites.provider.conversing import Conversing
from budwood_testing.suites.provider.describing import Describing
from budwood_testing.suites.provider.failing import Failing
from budwood_testing.suites.provider.features import Features
from budwood_testing.suites.provider.reading import Reading
from budwood_testing.suites.provider.secrecy import Secrecy
from budwood_testing.suites.provider.services import Services
from budwood_testing.suites.provider.streaming import Streaming
from budwood_testing.suites.provider.telling import Telling
from budwood_testing.suites.provider.values import Values
from budwood_testing.suites.provider.writing import Writing


class ProviderSuite(
    Describing,
    Writing,
    Values,
    Agreeing,
    Conversing,
    Secrecy,
    Reading,
    Telling,
    Streaming,
    Failing,
    Features,
    Services,
):
    """
    Proves a provider that speaks to a vendor: directly, and through both clients over a scripted transport.

    What the provider claims is what is tested; a claim for which the examples hold nothing is a failure. A test of
    what is not claimed is skipped, and says so.

    Some examples belong to no capability, such as `WireExamples.refusal`. Where one of them is missing, its test is
    skipped and listed as unproved in the summary of the run, unless ``absent`` names the example. With
    ``strict = True`` on the suite it fails.

    .. code-block:: python

        class TestAcme(ProviderSuite):
            plugin = "acme"
            examples = AcmeExamples()
    """
