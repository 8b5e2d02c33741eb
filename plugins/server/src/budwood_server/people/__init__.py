"""Who uses the server, beside keys: accounts, their sessions and tokens, and the log of what they did."""
