"""`LanguageModel`, the only door from the SDK to a model, and what stands behind it."""
