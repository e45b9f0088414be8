"""LoRA adapters: PEFT's folders in and out, and merging into weights."""
