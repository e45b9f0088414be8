"""Prompts compiled to a token budget."""
