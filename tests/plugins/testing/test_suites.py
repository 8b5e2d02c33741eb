"""The suites besides that for providers are sharp: they pass what is sound and catch each that is broken."""

import functools

import pytest

import budwood_testing as testing
from tests.plugins.testing.mutants.running import Outcomes, mutants_in

SUITES = {
    "cache": "CacheSuite",
    "local": "LocalProviderSuite",
    "media": "MediaHandlerSuite",
    "modifier": "PromptModifierSuite",
    "packaging": "PackagingSuite",
    "storage": "StorageSuite",
    "strategy": "InstructionStrategySuite",
    "tokenizer": "TokenizerSuite",
    "transport": "TransportSuite",
}
FURTHER = {"transport": ("transport_files",)}
"""Files with more mutants for a suite; its sound plugin is in the first."""
FILES = {name: (name, *FURTHER.get(name, ())) for name in SUITES}
MUTANTS = [
    (file, mutant, caught_by)
    for name in SUITES
    for file in FILES[name]
    for mutant, caught_by in mutants_in(file).items()
]
OF_ALL_KINDS = {name for name in dir(testing.CacheSuite) if name in dir(testing.StorageSuite)}
"""What the suite for providers has mutants of, for all."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """
    What became of the mutants of a file, run once.
    """
    folder = tmp_path_factory.mktemp("mutants")
    return functools.cache(lambda name: Outcomes(name, folder))


@pytest.mark.parametrize("name", SUITES)
def test_sound_plugin_passes(name, outcomes):
    """
    Nothing is asked that a plugin need not do.
    """
    assert outcomes(name).failed["TestSound"] == set(), outcomes(name).printed
    assert len(outcomes(name).run["TestSound"]) > 10


@pytest.mark.parametrize(("name", "mutant", "caught_by"), MUTANTS)
def test_broken_plugin_is_caught(name, mutant, caught_by, outcomes):
    """
    By each test that names what is broken.
    """
    assert set(caught_by) <= outcomes(name).failed[mutant]


@pytest.mark.parametrize("name", SUITES)
def test_each_test_of_a_suite_can_fail(name, outcomes):
    """
    A test that no mutant fails proves nothing.
    """
    caught = {test for file in FILES[name] for tests in outcomes(file).failed.values() for test in tests}
    tests = {test for test in dir(getattr(testing, SUITES[name])) if test.startswith("test_")}

    assert tests - caught - OF_ALL_KINDS == set()
