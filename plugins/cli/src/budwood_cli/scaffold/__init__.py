"""What ``budwood plugins new`` writes: the package of a plugin that works, with tests that prove it."""

from budwood_cli.scaffold.kinds import Family, KindOfPlugin
from budwood_cli.scaffold.names import Names
from budwood_cli.scaffold.packages import Package
from budwood_cli.scaffold.steps import next_steps

__all__ = ["Family", "KindOfPlugin", "Names", "Package", "next_steps"]
