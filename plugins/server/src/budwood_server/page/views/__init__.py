"""The views of the page, each in a module of its own."""
