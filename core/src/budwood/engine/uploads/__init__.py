"""Media of messages that are uploaded once, and reused by their content."""
