"""API keys of the gateway, what they may do, and who owns what."""
