"""Prompt texts, one a file."""
