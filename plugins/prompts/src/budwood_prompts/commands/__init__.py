"""The command `budwood prompts`."""
