"""The suite for providers is sharp: it passes a sound one and catches each that is broken."""

import functools

import pytest

from budwood_testing import ProviderSuite
from tests.plugins.testing.mutants.running import Outcomes, mutants_in

FILES = ("provider", "provider_requests", "provider_replies", "provider_signed")
MUTANTS = [(file, mutant, caught_by) for file in FILES for mutant, caught_by in mutants_in(file).items()]
WITHOUT_A_MUTANT = {"test_error_does_not_repeat_the_key"}
"""The engine takes the key out of errors, whatever the provider does: a test of both together."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """
    What became of the mutants of a file, run once.
    """
    folder = tmp_path_factory.mktemp("mutants")
    return functools.cache(lambda file: Outcomes(file, folder))


@pytest.mark.parametrize("file", ["provider", "provider_signed"])
def test_sound_provider_passes(file, outcomes):
    """
    Nothing is asked that a provider need not do.
    """
    assert outcomes(file).failed["TestSound"] | outcomes(file).errors["TestSound"] == set(), outcomes(file).printed
    assert len(outcomes(file).run["TestSound"]) > 100


@pytest.mark.parametrize(("file", "mutant", "caught_by"), MUTANTS)
def test_broken_provider_is_caught(file, mutant, caught_by, outcomes):
    """
    By each test that names what is broken.
    """
    assert set(caught_by) <= outcomes(file).failed[mutant]


def test_each_test_of_the_suite_can_fail(outcomes):
    """
    A test that no mutant fails proves nothing.
    """
    caught = {name for file in FILES for names in outcomes(file).failed.values() for name in names}

    assert {name for name in dir(ProviderSuite) if name.startswith("test_")} - caught == WITHOUT_A_MUTANT
