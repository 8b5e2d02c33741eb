"""The clients, each in its own module, so that a program imports only the one that it uses."""
