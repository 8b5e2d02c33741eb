"""Replies from caches, and requests that equal calls share."""
