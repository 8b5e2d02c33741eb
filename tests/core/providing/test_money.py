from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budwood.providing.money import from_pico, to_pico


@pytest.mark.parametrize(
    ("dollars", "amount"),
    [
        ("0", 0),
        ("1", 10**12),
        ("0.000000000001", 1),
        ("0.0000000000006", 1),
        ("-0.0000000000004", 0),
        ("12.5", 125 * 10**11),
    ],
)
def test_dollars_are_rounded_to_integers(dollars, amount):
    """
    The unit is 10⁻¹² dollars.
    """
    assert to_pico(Decimal(dollars)) == amount


@given(st.lists(st.integers(-(2**63), 2**63)))
def test_sums_are_exact(amounts):
    """
    Integers become dollars and integers again, and their sum is that of the dollars.
    """
    assert [to_pico(from_pico(amount)) for amount in amounts] == amounts
    assert from_pico(sum(amounts)) == sum(map(from_pico, amounts), Decimal(0))
