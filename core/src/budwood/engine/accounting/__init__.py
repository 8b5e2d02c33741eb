"""Costs, token counts and observers of calls."""
