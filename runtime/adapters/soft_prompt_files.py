"""Folders of soft prompts (prompt tuning), as PEFT writes and reads them: an embedding a virtual token."""

from runtime.adapters.folder import AdapterFolder, AdapterSummary, FolderContents
from runtime.adapters.virtual_token_files import describe_rows, read_rows, rows_contents
from runtime.config import ModelConfig
from runtime.layers.virtual_tokens import SoftPromptWeights
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder


def read_soft_prompt(folder: AdapterFolder, model: Model, network: Decoder) -> SoftPromptWeights:
    """A matrix of the model's hidden size, values finite; else AdapterError."""
    config = network.config
    return SoftPromptWeights(read_rows(folder, _sizes(config), config.hidden_size, config.max_seq_len), folder.name)


def describe_soft_prompt(folder: AdapterFolder) -> AdapterSummary:
    """By the settings and the header of the tensor file alone. Raises AdapterError."""
    return describe_rows(folder, "prompt tuning")


def soft_prompt_contents(adapter: SoftPromptWeights, config: ModelConfig) -> FolderContents:
    """What the two files are to hold."""
    return rows_contents("PROMPT_TUNING", adapter.embeddings, _sizes(config))


def _sizes(config: ModelConfig) -> dict[str, int]:
    return {
        "token_dim": config.hidden_size,
        "num_attention_heads": config.num_heads,
        "num_layers": config.num_layers,
    }
