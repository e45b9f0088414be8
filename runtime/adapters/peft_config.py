"""`adapter_config.json` of a LoRA adapter: what of it decides the numbers, checked; what we do not do, refused.

A setting that changes the result and is passed over gives wrong answers without a word, so everything is refused that
is not known to be harmless.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from runtime.adapters.folder import shown
from runtime.errors import AdapterError

T = TypeVar("T")

MAX_RANK = 65_536
MAX_PATTERNS = 10_000

# They choose what is trained and how; which modules a finished adapter changes is told by its tensors.
_OF_TRAINING = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "ensure_weight_tying",
        "exclude_modules",
        "inference_mode",
        "layers_pattern",
        "layers_to_transform",
        "lora_dropout",
        "megatron_core",
        "peft_version",
        "qalora_group_size",  # a default that is written always; `use_qalora` is what counts
        "revision",
        "runtime_config",
        "target_modules",
    }
)
_REFUSED = {
    "fan_in_fan_out": "matrices stored the other way round, as GPT-2 has them",
    "modules_to_save": "whole modules that were trained beside the adapter",
    "lora_bias": "biases of its own",
    "trainable_token_indices": "embeddings of chosen tokens",
    "target_parameters": "parameters that are no linear maps",
    "layer_replication": "layers that are there more than once",
    "alora_invocation_tokens": "an adapter that begins to act at certain tokens",
    "use_qalora": "QALoRA's pooled inputs",
}
_HARMLESS_INITS = (None, True, False, "gaussian", "orthogonal", "eva")  # others change the base's weights too
# A key of a pattern is a regular expression. These forms cannot make matching slow: no group that is repeated, and few
# repetitions.
_PATTERN = re.compile(r"[\w.^$|()\[\]*+-]|\\[.dw]", re.ASCII)
_MAX_PATTERN_CHARACTERS, _MAX_REPETITIONS = 200, 3


@dataclass(frozen=True, kw_only=True)
class PeftConfig:
    """How the matrices of a LoRA adapter are to be used."""

    r: int = 8
    lora_alpha: float = 8.0
    use_rslora: bool = False
    use_dora: bool = False
    rank_pattern: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    alpha_pattern: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    base_model: str = ""  # as whoever trained it named the model; "" where that is not said

    def rank_of(self, path: str) -> int:
        """R of a module by its Hugging Face name, "model.layers.0.self_attn.q_proj"."""
        return next(_matching(self.rank_pattern, path), self.r)

    def scale_of(self, path: str) -> float:
        """alpha / R of a module, or alpha / sqrt(R) for rsLoRA, arXiv:2312.03732."""
        rank = self.rank_of(path)
        alpha = next(_matching(self.alpha_pattern, path), self.lora_alpha)
        return alpha / (math.sqrt(rank) if self.use_rslora else rank)


def parse_config(keys: Mapping[str, Any], path: Path) -> PeftConfig:
    """Check what the file holds; `path` is for messages.

    Raises:
        AdapterError: it asks for something we do not do.
    """
    if keys.get("task_type") not in (None, "CAUSAL_LM"):
        raise AdapterError(
            f"{path} was trained for the task {shown(keys['task_type'])}; this build uses adapters of CAUSAL_LM."
        )
    _refuse_what_we_do_not_do(keys, path)
    return PeftConfig(
        r=_rank(keys.get("r", 8), "r", path),
        lora_alpha=_number(keys.get("lora_alpha", 8), "lora_alpha", path),
        use_rslora=_flag(keys, "use_rslora", path),
        use_dora=_flag(keys, "use_dora", path),
        rank_pattern={key: _rank(value, key, path) for key, value in _patterns(keys, "rank_pattern", path).items()},
        alpha_pattern={key: _number(value, key, path) for key, value in _patterns(keys, "alpha_pattern", path).items()},
        base_model=_text(keys, "base_model_name_or_path", path),
    )


def _refuse_what_we_do_not_do(keys: Mapping[str, Any], path: Path) -> None:
    if keys.get("init_lora_weights") not in _HARMLESS_INITS:
        raise AdapterError(
            f"{path} was begun with init_lora_weights {shown(keys['init_lora_weights'])}, which changes the base "
            "model's weights as well. Convert it to a plain LoRA adapter with PEFT first."
        )
    if keys.get("bias", "none") not in (None, "none"):
        raise AdapterError(
            f"{path} has bias {shown(keys['bias'])}: biases were trained too, which this build does not take over. "
            "Train with bias 'none', or merge the adapter with PEFT."
        )
    settings = PeftConfig.__dataclass_fields__
    known = {*_OF_TRAINING, *settings, "peft_type", "task_type", "bias", "init_lora_weights"}
    for key, value in keys.items():
        if key in known or not value:  # what is off, or left empty, changes nothing
            continue
        about = f" ({_REFUSED[key]})" if key in _REFUSED else ""
        raise AdapterError(
            f"{path} sets {shown(key)}{about} to {shown(value)}, which this build does not do; the answers would be "
            "wrong without it. Train without it, or merge the adapter with PEFT."
        )


def _matching(patterns: Mapping[str, T], path: str) -> Iterator[T]:
    """Values whose key matches the whole name, or its end from a dot on; the first one counts."""
    return (value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", path))


def _patterns(keys: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    table = keys.get(name) or {}
    if not isinstance(table, dict) or len(table) > MAX_PATTERNS:
        raise AdapterError(f"{path}: {name} must be a table of at most {MAX_PATTERNS:,} module names.")
    for key in table:
        if not _is_harmless(key):
            raise AdapterError(
                f"{path}: {name} has the key {shown(key)}; this build takes module names, and regular expressions of "
                f"up to {_MAX_PATTERN_CHARACTERS} characters with at most {_MAX_REPETITIONS} repetitions, none of a "
                "group."
            )
    return table


def _is_harmless(pattern: str) -> bool:
    """Whether matching takes a bounded time, and the pattern is one."""
    if not 0 < len(pattern) <= _MAX_PATTERN_CHARACTERS or _PATTERN.sub("", pattern):
        return False
    if re.search(r"\)[*+]", pattern) or len(re.findall(r"[*+]", pattern)) > _MAX_REPETITIONS:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _rank(value: Any, name: str, path: Path) -> int:
    if type(value) is not int or not 1 <= value <= MAX_RANK:
        raise AdapterError(f"{path}: the rank {name[:80]} is {shown(value)}; it must be a whole number ≥ 1.")
    return value


def _number(value: Any, name: str, path: Path) -> float:
    if type(value) not in (int, float) or not 0 < abs(value) < 1e30:
        raise AdapterError(f"{path}: {name[:80]} is {shown(value)}; it must be a number other than 0.")
    return float(value)


def _flag(keys: Mapping[str, Any], name: str, path: Path) -> bool:
    value = keys.get(name) or False
    if type(value) is not bool:
        raise AdapterError(f"{path}: {name} is {shown(value)}; it must be true or false.")
    return value


def _text(keys: Mapping[str, Any], name: str, path: Path) -> str:
    value = keys.get(name) or ""
    if not isinstance(value, str):
        raise AdapterError(f"{path}: {name} is {shown(value)}; it must be text.")
    return value[:500]
