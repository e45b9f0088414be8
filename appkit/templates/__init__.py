"""Prompts as files, rendered byte for byte."""
