"""Measures of text, retrieval and answers."""
