"""Prompts, options, tools and structured output."""
