from __future__ import annotations

import sys
from pathlib import Path

import pytest

from budwood.hooks import CACHE, MEDIA_HANDLER, PROVIDER
from budwood.names import normalise
from budwood.plugins import Registry, take_inventory
from budwood.plugins.doctor import examine

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def findings(inventory_of):
    """
    Examine the test's own distributions, by name.
    """

    def find(*disabled, timeout=60.0):
        found = examine(Registry(disabled, inventory_of()), timeout=timeout)
        return {finding.distribution: finding for finding in found}

    return find


def test_plugin_in_order_is_ok(make_distribution, findings):
    """
    The finding tells what it is, and nothing is the matter with it.
    """
    made = make_distribution()

    finding = findings()["acme-plugin"]

    assert (finding.kind, finding.name, finding.version) == ("provider", "acme", "1.2.3")
    assert finding.module == made.module
    assert (finding.state, finding.summary, finding.problem) == ("ok", "Made for a test.", "")


def test_plugins_are_examined_in_processes_of_their_own(make_distribution, findings):
    """
    The module is executed, and not in this process.
    """
    made = make_distribution()

    findings()

    assert made.imports == 1
    assert made.module not in sys.modules


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('out of luck')", "out of luck"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(7)", "status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "status -9"),
        ("import sys; print('dying words', file=sys.stderr, flush=True); import os; os._exit(1)", "dying words"),
        ("def budwood_providers(): pass", "none of its specs has"),
        ("from budwood.hooks import hookimpl\n@hookimpl\ndef budwood_wrong(): pass", "budwood_wrong"),
    ],
)
def test_plugin_that_fails_is_broken_and_harms_no_other(source, problem, make_distribution, findings):
    """
    However a plugin ends, its finding says how, and the next plugin is examined.
    """
    make_distribution("broken", plugins=["a-broken"], source=source)
    make_distribution("healthy", plugins=["z-healthy"])

    found = findings()

    assert found["broken"].state == "broken"
    assert problem in found["broken"].problem
    assert found["healthy"].state == "ok"


def test_settings_that_cannot_be_made_are_a_finding(describing, make_distribution, findings):
    """
    The model of the settings is asked for: an error in it is found before a user meets it.
    """
    make_distribution(source=describing("acme").replace("lambda: Settings", "lambda: Missing"))

    finding = findings()["acme-plugin"]

    assert finding.state == "broken"
    assert "Missing" in finding.problem


def test_plugin_that_never_ends_loading_is_broken(make_distribution, findings):
    """
    The examination goes on after the time allowed.
    """
    make_distribution(source="import threading; threading.Event().wait()")

    finding = findings(timeout=0.5)["acme-plugin"]

    assert finding.state == "broken"
    assert "still loading after 0.5 seconds" in finding.problem


def test_plugin_that_writes_to_standard_output_is_understood(describing, make_distribution, findings):
    """
    What a module prints is not taken for the answer.
    """
    make_distribution(source="print('[]'); print('hello', end='')\n" + describing("acme"))

    assert findings()["acme-plugin"].state == "ok"


def test_disabled_plugin_is_not_even_imported(make_distribution, findings):
    """
    What is blocked stays blocked.
    """
    made = make_distribution()

    finding = findings("acme")["acme-plugin"]

    assert (finding.state, finding.problem) == ("disabled", "")
    assert made.imports == 0


def test_conflict_is_a_finding_of_both(make_distribution, findings):
    """
    Each of two claims names the other, and neither is imported.
    """
    made = [make_distribution("acme-one"), make_distribution("acme-two")]

    found = findings()

    assert [found[one.name].state for one in made] == ["conflict", "conflict"]
    assert all("acme-one 1.2.3 and by acme-two 1.2.3" in finding.problem for finding in found.values())
    assert all("Uninstall one" in finding.hint and "Uninstall one" not in finding.problem for finding in found.values())
    assert [one.imports for one in made] == [0, 0]


def test_claim_that_is_left_when_the_others_are_disabled_is_examined(make_distribution, findings):
    """
    A conflict that is settled by disabling one distribution is none.
    """
    make_distribution("acme-one")
    make_distribution("acme-two")

    found = findings("acme-one")

    assert (found["acme-one"].state, found["acme-two"].state) == ("disabled", "ok")


def test_plugin_for_a_newer_core_is_broken(make_distribution, findings):
    """
    The doctor checks what loading checks.
    """
    made = make_distribution(requires=["budwood>=99"])

    finding = findings()["acme-plugin"]

    assert finding.state == "broken"
    assert ">=99" in finding.problem
    assert made.imports == 0


def test_everything_that_this_repository_installs_is_in_order():
    """
    Our own plugins, built in or not, pass the examination; what else is installed is not ours to judge.
    """
    names = {"budwood", *(f"budwood-{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml"))}
    findings = list(examine(Registry(inventory=take_inventory())))

    ours = [finding for finding in findings if normalise(finding.distribution) in names]
    assert {finding.kind for finding in ours} >= {CACHE.label, MEDIA_HANDLER.label, PROVIDER.label}
    assert [finding for finding in ours if finding.state != "ok"] == []
