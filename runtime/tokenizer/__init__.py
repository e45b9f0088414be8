"""Text to token ids and back, and chat templates, from the data of the model file."""
