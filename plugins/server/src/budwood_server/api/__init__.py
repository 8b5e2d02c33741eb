"""The API of the server itself under `/api`, by FastAPI. The first request to it imports it."""
