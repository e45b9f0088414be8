"""Examples chosen for the question at hand."""
