"""LoRA adapters: files, attaching, merging."""
