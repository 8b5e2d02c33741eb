"""What stands around one request: endpoints, attempts, retries, caching."""
