"""Deliver batches of rows to S3 as a run does. Arguments: output and endpoint."""

from __future__ import annotations

import sys

from budwood.types import Dataset, Row
from budwood_s3_storage import S3StorageSettings
from budwood_s3_storage.storage import S3Storage
from budwood_testing import plugin_context

ROWS = 20
BATCH = 5

output, endpoint = sys.argv[1:]
settings = S3StorageSettings(output=output, endpoint=endpoint, access_key_id="key", secret_access_key="secret")
rows = [Row(id=f"{index:032x}", index=index, data={"id": f"{index:032x}"}) for index in range(ROWS)]
storage = S3Storage(settings, plugin_context("s3"))
storage.begin(Dataset(run="5eed" * 8, name="rows", content="value", schema={"type": "object"}, rows=ROWS))
for start in range(0, ROWS, BATCH):
    storage.put(rows[start : start + BATCH])
storage.finish(iter(rows))
