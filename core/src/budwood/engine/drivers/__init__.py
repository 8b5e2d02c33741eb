"""Effects, and the two drivers that perform them."""
