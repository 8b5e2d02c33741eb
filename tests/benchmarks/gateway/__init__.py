"""
Measures the gateway beside a bare relay and LiteLLM's proxy.

Usage: ``nox -s bench_server``; ``-- --quick`` takes half a minute, and has no targets.
"""
