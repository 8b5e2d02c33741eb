"""Fill JSON schemas with values from a text, or with default values."""

from budwood_offline.schemas.filling import Filled, fill_schema

__all__ = ["Filled", "fill_schema"]
