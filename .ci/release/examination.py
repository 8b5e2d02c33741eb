"""
Build the plugins of one distribution, as ``budwood plugins doctor`` does where the command is not installed.

It runs in the environment of the distribution: ``python -I examination.py NAME``.
"""

import sys
from importlib.metadata import distributions

from budwood.plugins.doctor import examine
from budwood.plugins.registry import Registry


def main(name: str) -> int:
    """Print what is wrong with the plugins of a distribution, and return 1 if anything is."""
    others = {distribution.name for distribution in distributions()} - {name}
    results = examine(Registry(disabled=others), timeout=120)
    findings = [found for found in results if found.state not in {"ok", "disabled"}]
    for found in findings:
        sys.stdout.write(f"{found.kind} {found.name} is {found.state}: {found.problem} {found.hint}\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
