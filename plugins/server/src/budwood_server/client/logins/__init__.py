"""Logins of ``budwood login``: where they are stored, and how their tokens are renewed."""
