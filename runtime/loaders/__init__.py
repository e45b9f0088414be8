"""Model files and where they come from."""
