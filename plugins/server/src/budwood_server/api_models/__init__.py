"""Requests and replies of ``/api``, which the server and its client share, without the frameworks of the server."""
