"""The ops in plain torch: slow, readable, and by definition right."""
