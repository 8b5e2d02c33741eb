"""What FastAPI serves: health, metrics, and the API of the server itself under `/api`."""
