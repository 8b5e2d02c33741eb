"""What the kit proves of plugins of any kind."""

from budwood.hooks import TOKENIZER
from budwood.testing.suites.plugin import PluginSuite


class TestTiktoken(PluginSuite):
    plugin = "tiktoken"
    kind = TOKENIZER
