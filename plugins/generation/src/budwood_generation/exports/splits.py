"""Assigning rows to training and validation."""

from __future__ import annotations

import hashlib

from budwood.errors import ConfigurationError
from budwood_generation.exports.outputs import TRAIN, VALIDATION


def check_split(split: float | None) -> float:
    """
    Return the fraction of rows for validation; 0 for no split.

    Raises:
        ConfigurationError: It is not between 0 and 1.
    """
    if split is None:
        return 0.0
    if not 0 < split < 1:
        raise ConfigurationError(f"split must be a number between 0 and 1; got {split!r}.")
    return float(split)


def split_of(row_id: str, fraction: float) -> str:
    """
    Return the split of a row, from a hash of its id alone.

    A row keeps its split when other rows are added, and a larger fraction keeps the rows of a smaller one.
    """
    number = int.from_bytes(hashlib.sha256(row_id.encode()).digest()[:8])
    return VALIDATION if number < fraction * 2**64 else TRAIN
