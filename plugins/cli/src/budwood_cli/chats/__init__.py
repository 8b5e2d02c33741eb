"""The parts of ``budwood chat``."""
