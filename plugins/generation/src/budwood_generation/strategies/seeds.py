"""Seeds of strategies: texts, or records whose fields fill placeholders."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from budwood.types.record import JSON
from budwood_generation.seed_files import FileValues, check_seeds


def _check_seeds(value: object) -> object:
    if isinstance(value, list | tuple) and not isinstance(value, FileValues):
        check_seeds(value, lambda number: f"item {number + 1}")
    return value


Seeds = Annotated[tuple[str | dict[str, JSON], ...], BeforeValidator(_check_seeds)]
"""Texts, or records that all have the same fields."""

MAX_ASKED: Final = 12
"""The maximum number of earlier questions that an asker sees."""


class AskerSettings(BaseModel):
    """
    Settings of strategies whose questions are written by an asker.

    Attributes:
        asked: Number of questions of earlier rows about the same passage or material that the asker sees, the latest
            ones. With 0, rows do not wait for one another.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asked: Annotated[int, Field(ge=0, le=MAX_ASKED)] = MAX_ASKED
