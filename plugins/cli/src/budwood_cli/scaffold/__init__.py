"""What ``budwood plugins new`` writes: the package of a plugin that works, with tests that prove it."""
