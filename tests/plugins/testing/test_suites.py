"""The suites are sharp: they pass what is sound and catch each that is broken."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import budwood_testing as testing
from tests.plugins.testing.mutants.running import Outcomes, files_of, mutants_of, run_file

SUITES = {
    "transport": "TransportSuite",  # it takes the longest, so it is started first
    "provider": "ProviderSuite",
    "packaging": "PackagingSuite",
    "cache": "CacheSuite",
    "local": "LocalProviderSuite",
    "media": "MediaHandlerSuite",
    "modifier": "PromptModifierSuite",
    "observer": "ObserverSuite",
    "storage": "StorageSuite",
    "strategy": "InstructionStrategySuite",
    "tokenizer": "TokenizerSuite",
}
MUTANTS = [(name, mutant, caught_by) for name in SUITES for mutant, caught_by in mutants_of(name).items()]
OF_ALL_KINDS = {name for name in dir(testing.CacheSuite) if name in dir(testing.StorageSuite)}
"""What the suite for providers has mutants of, for all."""

WITHOUT_A_MUTANT = dict.fromkeys(SUITES, OF_ALL_KINDS) | {"provider": {"test_error_does_not_repeat_the_key"}}
"""The engine takes the key out of errors, whatever the provider does: a test of both together."""

AT_ONCE = (os.cpu_count() or 1) + 2  # more than processors, since many mutants are waited for in vain

pytestmark = pytest.mark.mutants


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """
    What became of the mutants of a suite, by its name. Those of all suites whose tests run here run side by side.
    """
    folder = tmp_path_factory.mktemp("mutants")
    here = {item.callspec.params["name"] for item in request.session.items if item.path == request.path}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = {
            name: [pool.submit(run_file, file, folder) for file in files_of(name)] for name in SUITES if name in here
        }
        return {name: Outcomes([run.result() for run in files]) for name, files in runs.items()}


@pytest.mark.parametrize("name", SUITES)
def test_sound_plugin_passes(name, outcomes):
    """
    Nothing is asked that a plugin need not do.
    """
    assert outcomes[name].failed["TestSound"] | outcomes[name].errors["TestSound"] == set(), outcomes[name].printed
    assert len(outcomes[name].run["TestSound"]) > (100 if name == "provider" else 10)


@pytest.mark.parametrize(("name", "mutant", "caught_by"), MUTANTS)
def test_broken_plugin_is_caught(name, mutant, caught_by, outcomes):
    """
    By each test that names what is broken.
    """
    assert set(caught_by) <= outcomes[name].failed[mutant]


@pytest.mark.parametrize("name", SUITES)
def test_each_test_of_a_suite_can_fail(name, outcomes):
    """
    A test that no mutant fails proves nothing.
    """
    caught = {test for tests in outcomes[name].failed.values() for test in tests}
    tests = {test for test in dir(getattr(testing, SUITES[name])) if test.startswith("test_")}

    assert tests - caught - WITHOUT_A_MUTANT[name] == set()
