"""Endpoints: their providers, keys and health, which clients of a process share."""
