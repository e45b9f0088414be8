"""Weight block formats: one a file, bytes to float32 and back."""
