"""The settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class PrometheusSettings(BaseModel):
    """
    Settings of the observer.

    Attributes:
        port: The port on which ``/metrics`` is served; by default it is not, because the program serves it itself.
        address: The address for ``port``.
        labels: Whether the metrics of requests have the labels of calls. Without it, their ``label`` is empty.
        max_values: How many models, and how many labels, metrics distinguish. Further ones are counted as ``"other"``.
        multiprocess_folder: Where all processes of the program keep their metrics, in a folder for each instance of the
            observer; by default each process has its own metrics. Empty it before the program starts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    address: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    labels: bool = False
    max_values: Annotated[int, Field(ge=1)] = 100
    multiprocess_folder: Path | None = None
