"""Which models suit a machine and a language."""

from dataclasses import dataclass

from runtime.loaders.catalog_entries import ENTRIES, CatalogEntry

_OVERHEAD_BYTES = 300 << 20  # the process itself and a modest KV cache

# Chat models for real work that this runtime's architectures cover, smallest first: name and file size.
# We have not measured them; the sizes are those of the files.
_BIGGER = (
    ("hf:Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf", 0.64e9),
    ("hf:Qwen/Qwen3-1.7B-GGUF/Qwen3-1.7B-Q8_0.gguf", 1.83e9),
    ("hf:Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q4_K_M.gguf", 2.50e9),
    ("hf:Qwen/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf", 5.03e9),
)


@dataclass(frozen=True, kw_only=True)
class Advice:
    """Catalog models that fit, best first, and a sentence on what to take for real work."""

    chat: tuple[CatalogEntry, ...]
    embed: tuple[CatalogEntry, ...]
    for_real_work: str


def recommend_models(language: str, ram_bytes: int | None) -> Advice:
    """Advice for texts in `language` (a code such as en or zh) on a machine with `ram_bytes` to spare; None: unknown.

    Raises:
        ValueError: `language` is not a code of two or three letters, optionally with a region (zh-CN).
    """
    code = language.split("-")[0].split("_")[0].lower()
    if not (code.isascii() and code.isalpha() and len(code) in (2, 3)):
        raise ValueError(f"--language takes a code such as en, zh or de, got {language!r}.")
    fitting = [
        entry
        for entry in ENTRIES.values()
        if _fits(entry.size_bytes, ram_bytes) and (code in entry.languages or "multilingual" in entry.languages)
    ]
    return Advice(
        chat=tuple(entry for entry in fitting if entry.kind == "chat"),
        embed=tuple(sorted((entry for entry in fitting if entry.kind == "embed"), key=lambda entry: entry.size_bytes)),
        for_real_work=_for_real_work(ram_bytes),
    )


def _for_real_work(ram_bytes: int | None) -> str:
    honest = "The catalog's chat model is a small English demo."
    fitting = [name for name, size_bytes in _BIGGER if _fits(size_bytes, ram_bytes)]
    if not fitting:
        return f"{honest} For real work, use a machine with at least 2 GB of memory to spare and a bigger GGUF model."
    return (
        f"{honest} For real work, use a bigger GGUF model, by path or from the hub; this one fits and reads many "
        f"languages, Chinese too (not measured by us): appkit models pull {fitting[-1]}"
    )


def _fits(size_bytes: float, ram_bytes: int | None) -> bool:
    """Weights, a share of them for buffers, and the rest of the process. What is unknown fits."""
    return ram_bytes is None or size_bytes * 1.15 + _OVERHEAD_BYTES <= ram_bytes
