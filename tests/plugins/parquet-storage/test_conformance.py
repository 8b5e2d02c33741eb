"""Conformance tests of the storage and its package."""

from __future__ import annotations

import json

import pyarrow.parquet as pq

from budwood_testing import PackagingSuite, StorageSuite

JSON_FIELDS = b"budwood.json_fields"


class TestParquet(StorageSuite):
    plugin = "parquet"
    file_name = "rows.parquet"
    identifies = False
    strict = True

    def read_back(self, output):
        """
        Read the file with pyarrow, and parse the columns that the metadata list as JSON.
        """
        table = pq.read_table(output)
        names = {path[0] for path in json.loads(table.schema.metadata[JSON_FIELDS])}
        return [
            {name: json.loads(value) if name in names and value is not None else value for name, value in row.items()}
            for row in table.to_pylist()
        ]


class TestPackage(PackagingSuite):
    distribution = "budwood-parquet-storage"
