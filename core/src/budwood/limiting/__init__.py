"""The built-in limiter plugin. It is registered like any other plugin."""
