"""Limits before sending."""
