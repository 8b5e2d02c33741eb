"""The command line of Budwood."""
