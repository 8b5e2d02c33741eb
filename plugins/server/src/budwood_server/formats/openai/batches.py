"""``/v1/batches``: requests, and batches as OpenAI documents them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from budwood_server.web.problems import reject

FILE_FIELDS: Final = ("input_file_id", "output_file_id", "error_file_id")
"""Fields of a batch that are ids of files."""

RESULT_FIELDS: Final = ("output_file_id", "error_file_id")
"""Those of files that the vendor creates."""

DEFAULT_PAGE: Final = 20
MAX_PAGE: Final = 100


class NewBatch(NamedTuple):
    """
    What a request for a batch contains.

    Attributes:
        file_id: The public id of the file with the lines.
        endpoint: What its lines ask for.
        fields: All fields except the file, for the vendor.
    """

    file_id: str
    endpoint: str
    fields: dict[str, Any]


def parse_batch(body: dict[str, Any]) -> NewBatch:
    """
    Return what a request contains.

    Raises:
        ProblemError: A field is missing.
    """
    fields = {name: value for name, value in body.items() if value is not None}
    file_id, endpoint = fields.pop("input_file_id", None), fields.get("endpoint")
    if not isinstance(file_id, str) or not file_id:
        raise reject("The field 'input_file_id' must be the id of an uploaded file.", param="input_file_id")
    if not isinstance(endpoint, str) or not endpoint:
        raise reject("The field 'endpoint' must be the url of the lines.", param="endpoint")
    return NewBatch(file_id, endpoint, fields)


def check_input(data: Mapping[str, Any], batch: NewBatch) -> Mapping[str, str]:
    """
    Return the models of the lines of an input file.

    Args:
        data: What is kept about the file.
        batch: What the request contains.

    Raises:
        ProblemError: The file is no input of a batch, or its lines ask for something else.
    """
    lines = data.get("batch")
    if not isinstance(lines, Mapping):
        raise reject(
            f"The file {batch.file_id!r} was not uploaded for a batch.",
            param="input_file_id",
            hint="Upload it with purpose='batch'.",
        )
    if lines["endpoint"] != batch.endpoint:
        message = f"The lines of the file ask for {lines['endpoint']}, not {batch.endpoint}."
        raise reject(message, param="endpoint")
    models: Mapping[str, str] = lines["models"]
    return models


def encode_batch(public_id: str, record: Mapping[str, Any], file_ids: Mapping[str, str]) -> dict[str, Any]:
    """
    Return a batch in its public form.

    Args:
        public_id: Its public id.
        record: The vendor's record.
        file_ids: The public ids of its files, by the vendor's.
    """
    shown = {name: file_ids.get(value) if name in FILE_FIELDS else value for name, value in record.items()}
    return {**shown, "id": public_id, "object": "batch"}
