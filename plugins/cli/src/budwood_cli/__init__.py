"""Budwood on the command line."""
