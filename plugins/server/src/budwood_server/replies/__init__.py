"""Stored replies of the Responses API: kept by their vendor, or by this server."""
