"""The header ``idempotency-key``: a request that is sent again gets the first reply, and acts once."""
