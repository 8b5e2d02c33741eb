"""
Fill JSON schemas with values from a context: `fill_schema`.

`schemas` resolves references and merges, `validity` checks a value, `evidence` finds values in the context, `neutral`
makes a value where nothing is found, `pattern` writes a text for a regular expression, `filler` walks the schema.
"""

from budwood_offline.filling.filler import Filled, fill_schema
from budwood_offline.filling.schemas import JSON

__all__ = ["JSON", "Filled", "fill_schema"]
