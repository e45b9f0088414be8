"""Answers as typed Python values."""
