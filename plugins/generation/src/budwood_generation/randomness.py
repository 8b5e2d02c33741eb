"""Random numbers derived from a seed: the same on every machine, in any order of calls."""

from __future__ import annotations

import hashlib
from random import Random


def seeded_random(*key: object) -> Random:
    """Return the random generator for one purpose: ``seeded_random(seed, row_id, "ask 3")``."""
    return Random(_hash(key))


def request_seed(*key: object) -> int:
    """Return the seed to send with a request: 31 bits, which every vendor accepts."""
    return _hash(key) & 0x7FFF_FFFF


def _hash(key: tuple[object, ...]) -> int:
    return int.from_bytes(hashlib.sha256(repr(key).encode("utf-8", "backslashreplace")).digest()[:8], "big")
