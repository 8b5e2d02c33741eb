"""What happens around one request: endpoints, attempts, retries, caching."""
