"""A LoRA adapter as PEFT stores it, so that PEFT loads it without a warning."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np

from runtime.adapters.folder import FolderContents
from runtime.adapters.names import rows_to_hf, to_hf
from runtime.adapters.read_lora import PREFIX
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder

T = TypeVar("T", bound=Hashable)


def lora_contents(
    lora: LoraWeights, model: Model, network: Decoder, *, use_rslora: bool, dropout: float
) -> FolderContents:
    """The adapter as PEFT stores it.

    Raises:
        ValueError: an adapter without modules, or of which only a part has magnitudes, which PEFT has no setting for.
    """
    if not lora.modules:
        raise ValueError("The adapter has no modules: there is nothing to write.")
    settings = _settings(lora, network, use_rslora) | {"lora_dropout": dropout}
    return FolderContents(settings=settings, arrays=_arrays(lora, model))


def _settings(lora: LoraWeights, network: Decoder, use_rslora: bool) -> dict[str, Any]:
    """PEFT's keys, without those that say what is the default: older releases refuse keys that they do not know."""
    ranks = {_path(module): matrices.a.shape[0] for module, matrices in lora.modules.items()}
    alphas = {_path(module): _alpha(matrices, use_rslora) for module, matrices in lora.modules.items()}
    rank, alpha = _most_common(ranks.values()), _most_common(alphas.values())
    settings: dict[str, Any] = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "r": rank,
        "lora_alpha": alpha,
        "target_modules": _targets(lora.modules, network),
        "bias": "none",
    }
    if use_rslora:
        settings["use_rslora"] = True
    if _has_magnitudes(lora):
        settings["use_dora"] = True
    if rank_pattern := {path: value for path, value in sorted(ranks.items()) if value != rank}:
        settings["rank_pattern"] = rank_pattern
    if alpha_pattern := {path: value for path, value in sorted(alphas.items()) if value != alpha}:
        settings["alpha_pattern"] = alpha_pattern
    return settings


def _alpha(matrices: LoraMatrices, use_rslora: bool) -> float | int:
    """What gives the scale back, whole where it is; rounded where float arithmetic left a trace."""
    rank = matrices.a.shape[0]
    alpha = float(f"{matrices.scale * (math.sqrt(rank) if use_rslora else rank):.12g}")
    return int(alpha) if alpha.is_integer() else alpha


def _targets(modules: Mapping[str, Any], network: Decoder) -> list[str]:
    """Names that PEFT compares with the end of a module's: the last part where every layer is adapted, else all of it.

    PEFT warns of tensors that it expects and does not find, so no more is named than there is.
    """
    targets = set()
    for module in modules:
        kind = module.rsplit(".", 1)[-1]
        everywhere = {name for name in network.linears if name.endswith(f".{kind}")}
        targets.add(_path(module).rsplit(".", 1)[-1] if everywhere <= set(modules) else _path(module))
    return sorted(targets)


def _has_magnitudes(lora: LoraWeights) -> bool:
    have = {matrices.magnitude is not None for matrices in lora.modules.values()}
    if len(have) > 1:
        raise ValueError(
            "Some modules of the adapter have a DoRA magnitude and some have not; PEFT files hold all or none."
        )
    return have.pop()


def _arrays(lora: LoraWeights, model: Model) -> dict[str, np.ndarray]:
    arrays = {}
    for module, matrices in lora.modules.items():
        key = f"{PREFIX}{_path(module)}"
        arrays[f"{key}.lora_A.weight"] = matrices.a
        arrays[f"{key}.lora_B.weight"] = rows_to_hf(model.config, module, matrices.b)
        if matrices.magnitude is not None:
            arrays[f"{key}.lora_magnitude_vector"] = rows_to_hf(model.config, module, matrices.magnitude)
    return dict(sorted(arrays.items()))


def _path(module: str) -> str:
    path = to_hf(module)
    assert path is not None, module  # `check_fits` let it pass
    return path


def _most_common(values: Iterable[T]) -> T:
    return Counter(values).most_common(1)[0][0]
