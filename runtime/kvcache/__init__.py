"""Pages of keys and values, and who holds them."""
