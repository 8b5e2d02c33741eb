"""The handlers of the routes under `/v1`: each reads a request, has the call made, and sends the reply."""
