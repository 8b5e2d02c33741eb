"""Staying up: the health of endpoints, pools of keys, limits and budgets."""
