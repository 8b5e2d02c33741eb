"""Deliver rows to a storage, and print the number of each batch before it is stored. Arguments: output, batch size."""

import sys

from budwood_sql_storage import SQLStorageSettings
from budwood_sql_storage.storage import build_sql_storage
from budwood_testing import plugin_context
from tests.sql_datasets import make_dataset, make_row

output, size = sys.argv[1], int(sys.argv[2])
storage = build_sql_storage(SQLStorageSettings(output=output), plugin_context("sql"))
storage.begin(make_dataset())
for number in range(10_000):
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()
    storage.put([make_row(index, review=f"{number} " * 50) for index in range(number * size, (number + 1) * size)])
