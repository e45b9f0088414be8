"""From a file of examples to token ids with exact loss masks. Nothing here needs torch."""
