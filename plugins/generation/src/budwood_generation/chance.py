"""Chance that comes from a seed alone: the same on every machine, whatever ran before."""

from __future__ import annotations

import hashlib
from random import Random


def chance(*what: object) -> Random:
    """Make the source of chance for one purpose: ``chance(seed, row_id, "ask 3")``."""
    return Random(_number(what))


def request_seed(*what: object) -> int:
    """Make the seed that a request takes along: 31 bits, which every vendor takes."""
    return _number(what) & 0x7FFF_FFFF


def _number(what: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(what).encode("utf-8", "backslashreplace")).digest()[:8], "big")
