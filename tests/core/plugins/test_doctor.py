from __future__ import annotations

import subprocess
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
    Examine the distributions of the test; return the findings by name.
    """

    def find(*disabled, timeout=60.0):
        found = examine(Registry(disabled, inventory_of()), timeout=timeout)
        return {finding.distribution: finding for finding in found}

    return find


def test_valid_plugin_is_ok(make_distribution, findings):
    """
    The finding has its summary and no problem.
    """
    created = make_distribution()

    finding = findings()["acme-plugin"]

    assert (finding.kind, finding.name, finding.version) == ("provider", "acme", "1.2.3")
    assert finding.module == created.module
    assert (finding.state, finding.summary, finding.problem) == ("ok", "Made for a test.", "")


def test_plugins_are_examined_in_separate_processes(make_distribution, findings):
    """
    The module is executed, but not in this process.
    """
    created = make_distribution()

    findings()

    assert created.imports == 1
    assert created.module not in sys.modules


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('out of luck')", "out of luck"),
        ("raise SystemExit(0)", "SystemExit"),
        ("import os; os._exit(7)", "status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "status -9"),
        ("import sys; print('dying words', file=sys.stderr, flush=True); import os; os._exit(1)", "dying words"),
        ("def budwood_providers(): pass", "has no spec with the name"),
        ("from budwood.hooks import hookimpl\n@hookimpl\ndef budwood_wrong(): pass", "budwood_wrong"),
    ],
)
def test_plugin_that_fails_is_broken_and_does_not_affect_others(source, problem, make_distribution, findings):
    """
    For any kind of failure, the finding has the cause, and the next plugin is examined.
    """
    make_distribution("broken", plugins=["a-broken"], source=source)
    make_distribution("healthy", plugins=["z-healthy"])

    found = findings()

    assert found["broken"].state == "broken"
    assert problem in found["broken"].problem
    assert found["healthy"].state == "ok"


def test_error_of_settings_is_a_finding(write_source, make_distribution, findings):
    """
    The doctor calls `settings`, so that it finds errors before a user does.
    """
    make_distribution(source=write_source("acme").replace("lambda: Settings", "lambda: Missing"))

    finding = findings()["acme-plugin"]

    assert (finding.state, finding.method) == ("broken", "settings")
    assert finding.problem.startswith("Plugin 'acme' (acme-plugin 1.2.3) failed in settings(): NameError:")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("{}['x']", "failed in build(): KeyError: 'x'"),
        ("raise SystemExit(3)", "failed in build(): SystemExit: 3"),
        ("import nobody_has_it", "requires a library that is not installed"),
        ("import os; os._exit(7)", "build() ended its process with status 7"),
    ],
)
def test_error_of_build_is_a_finding(body, problem, write_source, make_distribution, findings):
    """
    The plugin is built with its default settings; the finding names method, distribution and version.
    """
    make_distribution(source=write_source("acme").replace("self.context = context", body))

    finding = findings()["acme-plugin"]

    assert (finding.state, finding.method) == ("broken", "build")
    assert problem in finding.problem
    assert "'acme' (acme-plugin 1.2.3)" in finding.problem
    assert finding.hint


def test_build_that_does_not_finish_is_a_finding(write_source, make_distribution, findings, monkeypatch):
    """
    The finding says how far the plugin came before the timeout.
    """

    def run_until_build(command, *, timeout, env, cwd, **options):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=cwd) as process:
            process.stdin.write(options["input"])
            process.stdin.close()
            lines = [next(line for line in process.stdout if b'"build"' in line)]
            process.kill()
        raise subprocess.TimeoutExpired(command, timeout, output=b"".join(lines))

    make_distribution(
        source=write_source("acme").replace("self.context = context", "import threading; threading.Event().wait()")
    )
    monkeypatch.setattr(subprocess, "run", run_until_build)

    finding = findings()["acme-plugin"]

    assert (finding.state, finding.method) == ("broken", "build")
    assert "'acme' (acme-plugin 1.2.3): build() did not finish within 60 seconds" in finding.problem
    assert finding.hint


def test_object_that_lacks_methods_is_a_finding(write_source, make_distribution, findings):
    """
    What `build` returns is checked against the Protocol.
    """
    make_distribution(source=write_source("acme").replace("def stream", "def steam"))

    assert "Missing: stream." in findings()["acme-plugin"].problem


def test_error_of_close_is_a_finding(write_source, make_distribution, findings):
    """
    The implementation is closed again.
    """
    source = write_source("acme").replace("    def models", "    def close(self):\n        1 / 0\n\n    def models")
    make_distribution(source=source)

    finding = findings()["acme-plugin"]

    assert (finding.method, finding.state) == ("close", "broken")
    assert "failed in close(): ZeroDivisionError" in finding.problem


def test_required_setting_is_not_a_fault(write_source, make_distribution, findings):
    """
    A plugin that needs settings is ok; a note names the missing one.
    """
    make_distribution(source=write_source("acme").replace("api_key: SecretStr | None = None", "api_key: SecretStr"))

    finding = findings()["acme-plugin"]

    assert (finding.state, finding.problem, finding.method) == ("ok", "", "")
    assert "'api_key' is missing" in finding.note


def test_plugins_are_built_in_a_temporary_folder(write_source, make_distribution, findings, site, monkeypatch):
    """
    Files in the cache folder and in the current folder of the plugin are removed afterwards.
    """
    body = (
        "from pathlib import Path; context.cache_folder.mkdir(parents=True); Path('here').touch(); print(Path.home())"
    )
    make_distribution(source=write_source("acme").replace("self.context = context", body))
    home = site.parent / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.chdir(home)

    assert findings()["acme-plugin"].state == "ok"
    assert list(home.iterdir()) == []


def test_plugins_are_examined_concurrently(write_source, make_distribution, inventory_of, site):
    """
    Two plugins that wait for each other both finish.
    """
    wait = (
        "\nfrom pathlib import Path\nimport time\nhere = Path(__file__).parent\n(here / '{own}').touch()\n"
        "while not (here / '{other}').exists():\n    time.sleep(0.01)\n"
    )
    make_distribution("one", plugins=["one"], source=wait.format(own="a", other="b") + write_source("one"))
    make_distribution("two", plugins=["two"], source=wait.format(own="b", other="a") + write_source("two"))

    found = list(examine(Registry(inventory=inventory_of()), timeout=60.0, processes=2))

    assert [(finding.distribution, finding.state) for finding in found] == [("one", "ok"), ("two", "ok")]


def test_patterns_that_differ_are_a_finding(make_distribution, findings):
    """
    The entry point and the spec must declare the same media types.
    """
    source = """
        from pydantic import BaseModel
        from budwood.hooks import MediaHandlerSpec, hookimpl

        @hookimpl
        def budwood_media_handlers():
            return [MediaHandlerSpec(name="acme", settings=lambda: BaseModel, build=None, requires_api=(2, 0))]
    """
    make_distribution(plugins=["acme text/csv"], group=MEDIA_HANDLER.group, source=source)

    assert "declares media_types none in its spec, but text/csv in its entry point" in findings()["acme-plugin"].problem


def test_plugin_that_does_not_finish_loading_is_broken(make_distribution, findings):
    """
    The doctor continues after the timeout.
    """
    make_distribution(source="import threading; threading.Event().wait()")

    finding = findings(timeout=0.5)["acme-plugin"]

    assert finding.state == "broken"
    assert finding.problem == (
        "Plugin 'acme' (acme-plugin 1.2.3): importing its module did not finish within 0.5 seconds."
    )


def test_plugin_may_write_to_standard_output(write_source, make_distribution, findings):
    """
    Its output is not mistaken for the result.
    """
    make_distribution(source="print('[]'); print('hello', end='')\n" + write_source("acme"))

    assert findings()["acme-plugin"].state == "ok"


def test_disabled_plugin_is_not_imported(make_distribution, findings):
    """
    The doctor does not examine it.
    """
    created = make_distribution()

    finding = findings("acme")["acme-plugin"]

    assert (finding.state, finding.problem) == ("disabled", "")
    assert created.imports == 0


def test_conflict_is_a_finding_of_both(make_distribution, findings):
    """
    Each finding names both distributions, and neither is imported.
    """
    created = [make_distribution("acme-one"), make_distribution("acme-two")]

    found = findings()

    assert [found[one.name].state for one in created] == ["conflict", "conflict"]
    assert all("acme-one 1.2.3 and by acme-two 1.2.3" in finding.problem for finding in found.values())
    assert all(
        "Uninstall all but one" in finding.hint and "Uninstall" not in finding.problem for finding in found.values()
    )
    assert [one.imports for one in created] == [0, 0]


def test_conflict_with_a_disabled_distribution_is_resolved(make_distribution, findings):
    """
    The plugin of the other distribution is examined.
    """
    make_distribution("acme-one")
    make_distribution("acme-two")

    found = findings("acme-one")

    assert (found["acme-one"].state, found["acme-two"].state) == ("disabled", "ok")


def test_plugin_for_a_newer_core_is_broken(make_distribution, findings):
    """
    The doctor checks the versions as well.
    """
    created = make_distribution(requires=["budwood>=99"])

    finding = findings()["acme-plugin"]

    assert finding.state == "broken"
    assert ">=99" in finding.problem
    assert created.imports == 0


def test_all_plugins_of_this_repository_are_ok():
    """
    Built-in and installed ones pass; other installed plugins are not checked.
    """
    names = {"budwood", *(f"budwood-{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml"))}
    findings = list(examine(Registry(inventory=take_inventory()), timeout=60.0))

    ours = [finding for finding in findings if normalise(finding.distribution) in names]
    assert {finding.kind for finding in ours} >= {CACHE.label, MEDIA_HANDLER.label, PROVIDER.label}
    assert [finding for finding in ours if finding.state != "ok"] == []
