"""Who a benchmark may be held against, and how to get them.

Releases are pinned: figures of a peer count only with the release they were taken on.
"""

from importlib.util import find_spec

from appkit.errors import EvaluationError

PEERS = {  # compiled here, for this very processor, which is its best
    "llama-cpp": (
        "llama_cpp",
        "CMAKE_ARGS=-DGGML_NATIVE=ON pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36",
    ),
    "peft": ("peft", "pip install peft==0.21.2 transformers gguf accelerate torch"),
}


def check_peer(name: str) -> None:
    """Raises EvaluationError, with what installs it, where a peer is not there."""
    module, install = PEERS[name]
    if find_spec(module) is None:
        raise EvaluationError(f"{name} is not installed here, so there is nothing to compare with: {install}")
