"""Serves what the SDK has to other programs: an index over the Model Context Protocol."""
