"""The forms of prompts: what a form says, and what is wrong with it."""
