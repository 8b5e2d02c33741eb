"""Alerts: rules over the calls of a sliding window, and what happens when one is broken."""
