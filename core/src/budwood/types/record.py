"""What the records that flow through Budwood have in common."""

from pydantic import BaseModel, ConfigDict, JsonValue

JSON = JsonValue
"""Any value that JSON can express."""


class Record(BaseModel):
    """
    A frozen Pydantic model that refuses unknown fields.

    Its validator is built at first use: most programs need only a few of the records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True, hide_input_in_errors=True)
