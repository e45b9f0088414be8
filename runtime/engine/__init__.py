"""Requests in, tokens out: the one thread that owns a model."""
