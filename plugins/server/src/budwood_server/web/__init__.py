"""HTTP without a framework: one request and its reply, event streams, disconnects, CORS."""
