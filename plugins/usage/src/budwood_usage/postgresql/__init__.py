"""Records of calls in PostgreSQL."""
