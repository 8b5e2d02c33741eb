"""Datasets, and access to objects on S3 servers as other programs have it."""

from __future__ import annotations

import functools

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from budwood.types import Dataset, Row

BUCKET = "datasets"
RUN = "5eed" * 8


class Objects:
    """
    Reads and writes objects below a prefix as other programs do.
    """

    def __init__(self, client, prefix):
        self.client = client
        self._start = f"{prefix}/"

    def list(self, start=""):
        """
        Return the keys, relative to the prefix.
        """
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self._start}{start}").get("Contents", [])
        return [entry["Key"].removeprefix(self._start) for entry in listed]

    def get(self, key):
        """
        Return the bytes of an object.
        """
        return self.client.get_object(Bucket=BUCKET, Key=self._start + key)["Body"].read()

    def put(self, key, body):
        """
        Replace an object.
        """
        self.client.put_object(Bucket=BUCKET, Key=self._start + key, Body=body)

    def delete(self, key):
        """
        Delete an object.
        """
        self.client.delete_object(Bucket=BUCKET, Key=self._start + key)

    def delete_all(self, start):
        """
        Delete all objects that begin with a text.
        """
        for key in self.list(start):
            self.delete(key)

    def head(self, key):
        """
        Return what the server says about an object.
        """
        return self.client.head_object(Bucket=BUCKET, Key=self._start + key)


def create_client(server):
    """
    Create a client with the credentials of a server.
    """
    return _create_client(server.endpoint, server.access_key_id, server.secret_access_key)


def create_bucket(server):
    """
    Create the bucket, unless another process of the test run has done so.
    """
    try:
        create_client(server).create_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 409:
            raise


@functools.cache
def _create_client(endpoint, access_key_id, secret_access_key):
    return botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def settings_for(server, prefix, **changes):
    """
    Return the settings of a storage.
    """
    return {
        "output": f"s3://{BUCKET}/{prefix}",
        "endpoint": server.endpoint,
        "access_key_id": server.access_key_id,
        "secret_access_key": server.secret_access_key,
        "retries": 2,
        **changes,
    }


def make_rows(*indexes, text="row"):
    """
    Create rows with ids.
    """
    return [
        Row(id=f"{index:032x}", index=index, data={"id": f"{index:032x}", "text": f"{text} {index}"})
        for index in indexes
    ]


def make_dataset(run=RUN, **changes):
    """
    Describe a dataset.
    """
    values = {"name": "questions", "content": "value", "schema": {"type": "object"}, "rows": 10, **changes}
    return Dataset(run=run, **values)
