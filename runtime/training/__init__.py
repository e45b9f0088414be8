"""Fine-tuning on the machine in front of you."""
