"""The S3 storage in the conformance suites of the test kit, on two servers."""

from __future__ import annotations

import gzip
import hashlib
import json
from typing import ClassVar

import pytest

from budwood_testing import PackagingSuite, StorageSuite
from tests.s3 import BUCKET, create_client, settings_for


class S3Suite(StorageSuite):
    """
    The suite with outputs in the bucket of a server.
    """

    plugin = "s3"
    strict = True
    secrets: ClassVar = ("wrong-but-secret",)

    def output(self, folder):
        return f"s3://{BUCKET}/{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"

    def unusable_output(self, folder):
        return "s3://missing-bucket/prefix"

    def settings(self, folder):
        return settings_for(self.server, "replaced")

    def read_back(self, output):
        client = create_client(self.server)
        prefix = output.removeprefix(f"s3://{BUCKET}/")

        def read(key):
            return client.get_object(Bucket=BUCKET, Key=f"{prefix}/{key}")["Body"].read()

        manifest = json.loads(read("manifest.json"))
        assert manifest["finished"]
        rows = {}
        for part in manifest["parts"]:
            indexes = (index for first, last in part["indexes"] for index in range(first, last + 1))
            lines = gzip.decompress(read(part["key"])).splitlines()
            rows.update(zip(indexes, map(json.loads, lines), strict=True))
        return [rows[index] for index in sorted(rows)]


@pytest.mark.real_server
class TestOnMoto(S3Suite):
    @pytest.fixture(autouse=True)
    def use(self, moto):
        self.server = moto


@pytest.mark.real_server
class TestOnSwift(S3Suite):
    @pytest.fixture(autouse=True)
    def use(self, swift):
        self.server = swift


class TestPackage(PackagingSuite):
    distribution = "budwood-s3-storage"
