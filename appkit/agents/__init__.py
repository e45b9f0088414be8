"""Models that act through tools."""
