"""Money as integers, so that databases add it up exactly."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

PICO: Final = 12
"""Amounts are stored as integers of 10⁻¹² dollars."""

_EXACT: Final = Context(prec=100)
"""Keeps all digits of a sum."""


def to_pico(dollars: Decimal) -> int:
    """Return dollars as an integer of 10⁻¹² dollars, rounded to the nearest."""
    return int(dollars.scaleb(PICO, _EXACT).to_integral_value())


def from_pico(amount: int) -> Decimal:
    """Return dollars from an integer of 10⁻¹² dollars."""
    return Decimal(amount).scaleb(-PICO, _EXACT)
