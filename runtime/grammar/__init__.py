"""Constraints on a completion, as masks over tokens."""
