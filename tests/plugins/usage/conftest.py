"""Observers with a file in the folder of the test, and programs that record calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from budwood import Client
from budwood_testing import plugin_context
from budwood_usage import UsageSettings
from budwood_usage.observer import build_observer

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def path(tmp_path):
    """
    The path of the store.
    """
    return tmp_path / "records" / "usage.sqlite3"


@pytest.fixture
def logged():
    """
    The log events of observers.
    """
    return []


@pytest.fixture
def open_observer(path, clock, logged):
    """
    Return a function that builds an observer from settings; by default its file is `path`. Close it after the test.
    """
    observers = []

    def open_one(**settings):
        context = plugin_context(
            "usage",
            clock=clock,
            log=lambda event, **fields: logged.append((event, fields)),
            data_folder=path.parent,
        )
        observers.append(build_observer(UsageSettings(**settings), context))
        return observers[-1]

    yield open_one
    for observer in observers:
        observer.close()


@pytest.fixture
def observer(open_observer):
    """
    An observer with default settings.
    """
    return open_observer()


@pytest.fixture
def ask(scripted, clock):
    """
    Return a function that makes a client for openai/gpt-4.1 with the scripted transport and an observer.
    """
    clients = []

    def open_client(observer, **options):
        options = {"cache": False, "retries": 0, "observers": [observer], "api_key": "sk-test-secret-key"} | options
        clients.append(
            Client(
                "openai/gpt-4.1",
                transport=scripted,
                clock=clock,
                **options,
            )
        )
        return clients[-1]

    yield open_client
    for client in clients:
        client.close()


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
