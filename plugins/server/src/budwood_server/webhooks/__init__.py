"""Webhooks: events that the server sends to endpoints over HTTP."""
