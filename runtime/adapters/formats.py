"""The kinds of adapter folders, told apart by `peft_type`: a module each, and a line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from runtime.adapters.bottleneck_files import describe_bottleneck, read_bottleneck
from runtime.adapters.folder import AdapterFolder, AdapterSummary, shown
from runtime.adapters.prefix_files import describe_prefix, read_prefix
from runtime.adapters.read_lora import describe_lora, read_lora
from runtime.adapters.soft_prompt_files import describe_soft_prompt, read_soft_prompt
from runtime.errors import AdapterError
from runtime.layers.adapter import AdapterWeights
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder


@dataclass(frozen=True)
class AdapterFormat:
    """What reads a kind of folder. Both raise AdapterError for what is damaged, or asks for what we do not do."""

    read: Callable[[AdapterFolder, Model, Decoder], AdapterWeights]  # it fits the model, and it does something
    describe: Callable[[AdapterFolder], AdapterSummary]


FORMATS: Mapping[str, AdapterFormat] = {
    "LORA": AdapterFormat(read_lora, describe_lora),
    "BOTTLENECK": AdapterFormat(read_bottleneck, describe_bottleneck),
    "PROMPT_TUNING": AdapterFormat(read_soft_prompt, describe_soft_prompt),
    "PREFIX_TUNING": AdapterFormat(read_prefix, describe_prefix),
}


def format_of(folder: AdapterFolder) -> AdapterFormat:
    """Raises AdapterError for a kind that this build does not use."""
    kind = folder.settings.get("peft_type")
    found = FORMATS.get(kind) if isinstance(kind, str) else None
    if found is None:
        raise AdapterError(
            f"{folder.settings_path} is of the kind {shown(kind)}; this build uses adapters of the kinds "
            f"{', '.join(FORMATS)}."
        )
    return found
