"""The suites pass correct plugins and fail broken ones (mutants)."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

import budwood_testing as testing
from tests.plugins.testing.mutants.running import Outcomes, list_files, list_mutants, run_file

SUITES = {
    "transport": "TransportSuite",  # the slowest, so it starts first
    "provider": "ProviderSuite",
    "packaging": "PackagingSuite",
    "cache": "CacheSuite",
    "local": "LocalProviderSuite",
    "media": "MediaHandlerSuite",
    "modifier": "PromptModifierSuite",
    "prompts": "PromptSourceSuite",
    "limiter": "LimiterSuite",
    "observer": "ObserverSuite",
    "storage": "StorageSuite",
    "strategy": "InstructionStrategySuite",
    "tokenizer": "TokenizerSuite",
}
MUTANTS = [(name, mutant, caught_by) for name in SUITES for mutant, caught_by in list_mutants(name).items()]
COMMON_TESTS = {name for name in dir(testing.CacheSuite) if name in dir(testing.StorageSuite)}
"""The tests that all suites share; mutants of providers cover them."""

WITHOUT_A_MUTANT = dict.fromkeys(SUITES, COMMON_TESTS) | {"provider": {"test_error_does_not_contain_the_key"}}
"""Tests that no mutant can fail: the engine also removes the key from errors."""

MAX_WORKERS = (os.cpu_count() or 1) + 2  # more than processors, since many mutants wait for a timeout

pytestmark = pytest.mark.mutants


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """
    The outcomes of the mutants by suite. The suites that this session tests run in parallel.
    """
    folder = tmp_path_factory.mktemp("mutants")
    requested = {item.callspec.params["name"] for item in request.session.items if item.path == request.path}
    with ThreadPoolExecutor(MAX_WORKERS) as pool:
        runs = {
            name: [pool.submit(run_file, file, folder) for file in list_files(name)]
            for name in SUITES
            if name in requested
        }
        return {name: Outcomes([run.result() for run in files]) for name, files in runs.items()}


@pytest.mark.parametrize("name", SUITES)
def test_correct_plugin_passes(name, outcomes):
    """
    A correct plugin passes its suite.
    """
    assert outcomes[name].failed["TestCorrect"] | outcomes[name].errors["TestCorrect"] == set(), outcomes[name].printed
    assert len(outcomes[name].run["TestCorrect"]) > (100 if name == "provider" else 10)


@pytest.mark.parametrize(("name", "mutant", "caught_by"), MUTANTS)
def test_broken_plugin_is_caught(name, mutant, caught_by, outcomes):
    """
    Each test that a mutant lists fails for it.
    """
    assert set(caught_by) <= outcomes[name].failed[mutant]


@pytest.mark.parametrize("name", SUITES)
def test_each_test_of_a_suite_can_fail(name, outcomes):
    """
    For each test of a suite there is a mutant that fails it.
    """
    caught = {test for tests in outcomes[name].failed.values() for test in tests}
    tests = {test for test in dir(getattr(testing, SUITES[name])) if test.startswith("test_")}

    assert tests - caught - WITHOUT_A_MUTANT[name] == set()
