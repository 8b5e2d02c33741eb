"""Processes that are killed, and processes that begin at the same time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sql_datasets import make_dataset, make_row, query

ROOT = Path(__file__).parents[3]
SIZE = 200


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_killed_process_leaves_complete_batches(make_storage, output, batch):
    """
    After SIGKILL during `put`, complete batches are stored. The redelivered batch and the others complete the table.
    """
    command = [sys.executable, "-m", "tests.plugins.sql-storage.programs.deliver", output, str(SIZE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        started = next(int(line) for line in process.stdout if int(line) == batch)
        process.kill()
    ((stored,),) = query(output, "SELECT count(*) FROM reviews")

    assert stored % SIZE == 0
    assert stored >= started * SIZE

    rows = [make_row(index, review=f"{index // SIZE} " * 50) for index in range((batch + 2) * SIZE)]
    storage = make_storage(output)
    storage.begin(make_dataset())
    storage.put(rows[started * SIZE :])

    assert storage.finish(iter(rows)) == len(rows)
    assert storage.load(-1, 2 * len(rows)) == rows


def test_processes_can_begin_at_the_same_time(make_storage, output):
    """
    Writers of a run that create the table at once all get it.
    """
    storages = [make_storage(output) for _ in range(6)]
    with ThreadPoolExecutor(len(storages)) as threads:
        list(threads.map(lambda storage: storage.begin(make_dataset()), storages))
        list(threads.map(lambda pair: pair[1].put([make_row(pair[0])]), enumerate(storages)))

    assert storages[0].finish([make_row(index) for index in range(6)]) == 6
