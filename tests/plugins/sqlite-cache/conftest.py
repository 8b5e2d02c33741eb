"""Caches with files in the folder of the test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from budwood_sqlite_cache import SQLiteCacheSettings
from budwood_sqlite_cache.cache import build_sqlite_cache
from budwood_testing import plugin_context

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def path(tmp_path):
    """
    The path of the cache file.
    """
    return tmp_path / "cache-files" / "replies.sqlite3"


@pytest.fixture
def logged():
    """
    The log events of caches.
    """
    return []


@pytest.fixture
def open_cache(path, clock, logged):
    """
    Return a function that builds a cache from settings; by default its file is `path`. Close it after the test.
    """
    caches = []

    def open_one(**settings):
        context = plugin_context(
            "sqlite",
            log=lambda event, **fields: logged.append((event, fields)),
            clock=clock,
            cache_folder=path.parent,
        )
        caches.append(build_sqlite_cache(SQLiteCacheSettings(**{"path": path} | settings), context))
        return caches[-1]

    yield open_one
    for cache in caches:
        cache.close()


@pytest.fixture
def cache(open_cache):
    """
    A cache with default settings.
    """
    return open_cache()


@pytest.fixture
def start():
    """
    Return a function that starts a program in a new process, and kill it after the test.
    """
    processes = []

    def start_one(program, *arguments):
        command = [sys.executable, str(PROGRAMS / f"{program}.py"), *map(str, arguments)]
        processes.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return processes[-1]

    yield start_one
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def run(start):
    """
    Return a function that runs a program and returns its output.
    """

    def run_one(program, *arguments):
        process = start(program, *arguments)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output.splitlines()

    return run_one
