"""Limits and budgets of keys, over all workers."""

from budwood_server.limits.keys import Grant, KeyLimits, Refusal
from budwood_server.limits.leases import Leases
from budwood_server.limits.limiter import LeasedLimiter
from budwood_server.limits.opening import Limiters, open_leases

__all__ = ["Grant", "KeyLimits", "LeasedLimiter", "Leases", "Limiters", "Refusal", "open_leases"]
