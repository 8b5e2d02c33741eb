"""What the clients can do, by kinds of things."""
