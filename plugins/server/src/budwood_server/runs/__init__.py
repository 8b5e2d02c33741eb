"""Dataset runs: what was submitted, the worker that executes it, and its rows."""
