"""The suite for providers is sharp: it passes a sound one and catches each that is broken."""

import pytest

from budwood_testing import ProviderSuite
from tests.plugins.testing.mutants.running import Outcomes, mutants_in

MUTANTS = mutants_in("provider")
WITHOUT_A_MUTANT = {"test_error_does_not_repeat_the_key"}
"""The engine takes the key out of errors, whatever the provider does: a test of both together."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """
    All mutants, run once.
    """
    return Outcomes("provider", tmp_path_factory.mktemp("mutants"))


def test_sound_provider_passes(outcomes):
    """
    Nothing is asked that a provider need not do.
    """
    assert outcomes.failed["TestSound"] == set(), outcomes.printed
    assert len(outcomes.run["TestSound"]) > 70


@pytest.mark.parametrize("mutant", MUTANTS)
def test_broken_provider_is_caught(mutant, outcomes):
    """
    By each test that names what is broken.
    """
    assert set(MUTANTS[mutant]) <= outcomes.failed[mutant]


def test_each_test_of_the_suite_can_fail(outcomes):
    """
    A test that no mutant fails proves nothing.
    """
    caught = {name for names in outcomes.failed.values() for name in names}

    assert {name for name in dir(ProviderSuite) if name.startswith("test_")} - caught == WITHOUT_A_MUTANT
