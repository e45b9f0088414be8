"""What every evaluation shares: tasks, the runner that can be killed and goes on, its files, and comparisons."""
