"""The settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class OpenTelemetrySettings(BaseModel):
    """
    Settings of the observer. Where spans and metrics go is set up with the SDK of OpenTelemetry.

    Attributes:
        content: Whether spans have prompts, replies, arguments of tools, and the texts of errors.
        headers: Whether requests to vendors have the headers of the configured propagators, such as ``traceparent``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    content: bool = False
    headers: bool = True
