"""Prompts that the server keeps: their versions and labels."""
