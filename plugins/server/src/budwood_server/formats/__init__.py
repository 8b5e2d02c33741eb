"""The APIs that clients speak: requests are parsed into calls of Budwood, replies are encoded."""
