"""Chain of thought, self-consistency and workflow patterns."""
