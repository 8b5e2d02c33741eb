"""The limiter inside the process in the conformance suite of the test kit."""

from budwood_testing import LimiterSuite


class TestLocalLimiter(LimiterSuite):
    plugin = "local"
