"""The description of the machine and the versions in the report, without host names and paths."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import os
import platform
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.benchmarks.environments import list_distributions, prepare_environment
from tests.benchmarks.roster import Contender


def describe_machine(contenders: Sequence[Contender]) -> dict[str, Any]:
    """
    Describe the machine and the versions.
    """
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "processor": read_processor(),
        "cpus": count_cpus(),
        "memory_gb": read_memory(),
        "server_loop": "uvloop" if find_spec("uvloop") else "asyncio",
        "versions": list_versions(contenders),
    }


def count_cpus() -> int:
    """
    Return the number of usable processors.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read_processor() -> str:
    """
    Return the model of the processor.
    """
    file = Path("/proc/cpuinfo")
    if file.exists():
        for line in file.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def read_memory() -> int | None:
    """
    Return the memory in gigabytes, or None if unknown.
    """
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9)


def list_versions(contenders: Sequence[Contender]) -> dict[str, dict[str, str]]:
    """
    Return the versions of each contender's main packages.
    """
    ours = {one.name.lower(): one.version for one in importlib.metadata.distributions()}
    found = {}
    for contender in contenders:
        there = (
            {name.lower(): version for name, version in list_distributions(prepare_environment(contender)).items()}
            if (contender.requirements)
            else ours
        )
        found[contender.name] = {name: there[name] for name in contender.packages if name in there}
    return found | {"suite": {"python": sys.version.partition(" ")[0]}}
