"""Run a file of mutants in a process of its own, and tell which tests failed for which of them."""

import importlib
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[3]


def mutants_in(name):
    """
    List the mutants of a file, by their names.
    """
    module = importlib.import_module(f"tests.plugins.testing.mutants.{name}")
    return {
        kind.__name__: kind.caught_by
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__name__.startswith("Test") and kind.caught_by
    }


class Outcomes:
    """
    What became of the tests of one file: by class, the names of all, of those that failed, and of those without a run.
    """

    def __init__(self, name, folder):
        report = folder / f"{name}.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
        run = subprocess.run(
            [*command, str(FOLDER / f"{name}.py")], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert report.is_file(), f"{run.stdout}{run.stderr}"
        self.printed = run.stdout
        self.run = defaultdict(set)
        self.failed = defaultdict(set)
        self.errors = defaultdict(set)
        for case in ET.parse(report).iter("testcase"):
            kind, test = case.get("classname").rpartition(".")[2], case.get("name").partition("[")[0]
            self.run[kind].add(test)
            if case.find("failure") is not None:
                self.failed[kind].add(test)
            if case.find("error") is not None:
                self.errors[kind].add(test)
