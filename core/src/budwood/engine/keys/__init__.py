"""Several keys of one endpoint."""
