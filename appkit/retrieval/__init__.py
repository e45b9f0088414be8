"""Documents, chunks, indexes and search."""
