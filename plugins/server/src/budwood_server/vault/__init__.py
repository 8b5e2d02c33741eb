"""The tokens of vendors that a server keeps, sealed by a master key."""
