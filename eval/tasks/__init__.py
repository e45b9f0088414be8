"""Tasks a model is measured on."""
