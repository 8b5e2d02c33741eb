"""Limits and budgets of keys, over all workers."""
