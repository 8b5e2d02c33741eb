"""Processes that are killed while they write to S3."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fault_proxy import call_after, call_before
from tests.s3 import BUCKET

pytestmark = pytest.mark.real_server

PROGRAM = Path(__file__).parent / "programs" / "deliver.py"
PUTS = 2 + 4 * 2 + 1
"""The manifest and the question whether it can be created twice, four parts with descriptions, and the manifest."""


def start(prefix, proxy):
    """
    Start the program.
    """
    output = f"s3://{BUCKET}/{prefix}"
    return subprocess.Popen([sys.executable, PROGRAM, output, proxy.endpoint], stderr=subprocess.PIPE, text=True)


def kill(processes):
    """
    Kill processes that were started by now.
    """
    for process in processes:
        process.kill()


@pytest.fixture(params=[call_before, call_after], ids=["before", "after"])
def act(request):
    """
    Whether a process is killed before the server stores an object, or after it.
    """
    return request.param


@pytest.mark.parametrize("put", [0, 1, 2, 3, PUTS - 1])
def test_killed_process_loses_and_doubles_nothing(make_storage, prefix, proxy, put, act):
    """
    Wherever a process is killed, readers see no incomplete dataset, and the next process completes it.
    """
    first, store = [], make_storage()._store
    proxy.fail("PUT", act(lambda: kill(first)), skip=put)
    first.append(start(prefix, proxy))
    assert (first[0].communicate()[1], first[0].returncode) == ("", -9)
    manifest = json.loads(store.get("manifest.json") or '{"finished": false}')
    assert manifest["finished"] == (put == PUTS - 1 and act is call_after)

    again = start(prefix, proxy)
    assert (again.communicate()[1], again.returncode) == ("", 0)
    assert [row.index for row in make_storage().load(-1, 100)] == list(range(20))
    assert len(list(store.list_keys("parts/"))) == 4
