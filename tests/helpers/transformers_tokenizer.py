"""The same vocabulary in transformers: a fast tokenizer of theirs with the tokens and merges of one of our GGUF files.

Only for vocabularies in GPT-2's style, which those of `tiny_model.py` are.
"""

from pathlib import Path
from typing import Any

import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from runtime.loaders.gguf import GGUFFile


def transformers_tokenizer(path: Path) -> Any:
    """A tokenizer that adds the start token where the file says so, and finds special tokens in texts, as theirs do."""
    with GGUFFile.open(path) as file:
        keys = {name.removeprefix("tokenizer."): value for name, value in file.metadata.items()}
    assert (keys["ggml.model"], keys["ggml.pre"]) == ("gpt2", "gpt-2")
    tokens = list(keys["ggml.tokens"])
    merges = [tuple(merge.split(" ")) for merge in keys["ggml.merges"]]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    # the tiny vocabulary has words that its merges do not lead to; such a word is one token all the same
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, keys["ggml.token_type"], strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in control])
    bos, eos = (tokens[keys[f"ggml.{name}_token_id"]] for name in ("bos", "eos"))
    if keys["ggml.add_bos_token"]:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokens.index(bos))]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=bos,
        eos_token=eos,
        pad_token=eos,
        chat_template=keys.get("chat_template"),
        clean_up_tokenization_spaces=False,
    )
