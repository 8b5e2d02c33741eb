"""Budgets in money and in tokens."""
