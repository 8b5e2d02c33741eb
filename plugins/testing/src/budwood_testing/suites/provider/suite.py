"""The suite for providers."""

from __future__ import annotations

from budwood_testing.suites.provider.batches import BatchTests
from budwood_testing.suites.provider.claims import ClaimTests
from budwood_testing.suites.provider.consistency import ConsistencyTests
from budwood_testing.suites.provider.conversations import ConversationTests
from budwood_testing.suites.provider.credentials import CredentialTests
from budwood_testing.suites.provider.errors import ErrorTests
from budwood_testing.suites.provider.features import FeatureTests
from budwood_testing.suites.provider.media_input import MediaInputTests
from budwood_testing.suites.provider.media_replies import MediaReplyTests
from budwood_testing.suites.provider.media_requests import MediaRequestTests
from budwood_testing.suites.provider.media_streams import MediaStreamTests
from budwood_testing.suites.provider.metadata import MetadataTests
from budwood_testing.suites.provider.replies import ReplyTests
from budwood_testing.suites.provider.requests import RequestTests
from budwood_testing.suites.provider.services import ServiceTests
from budwood_testing.suites.provider.steps import StepTests
from budwood_testing.suites.provider.streams import StreamTests
from budwood_testing.suites.provider.values import ValueTests


class ProviderSuite(
    ClaimTests,
    RequestTests,
    ValueTests,
    ConsistencyTests,
    ConversationTests,
    CredentialTests,
    ReplyTests,
    MetadataTests,
    StreamTests,
    ErrorTests,
    FeatureTests,
    ServiceTests,
    MediaInputTests,
    MediaRequestTests,
    MediaReplyTests,
    MediaStreamTests,
    StepTests,
    BatchTests,
):
    """
    Tests a provider that calls a vendor's API: directly, and through both clients over a scripted transport.

    The suite tests the capabilities that the provider has, and skips the others. If an example that a capability
    requires is missing, the test fails.

    Some examples belong to no capability, such as `WireExamples.refusal`. If one of them is missing, its test is
    skipped, and the summary of the run lists it as not tested, unless ``absent`` contains the name of the example. With
    ``strict = True`` on the suite the test fails.

    .. code-block:: python

        class TestAcme(ProviderSuite):
            plugin = "acme"
            examples = AcmeExamples()
    """
