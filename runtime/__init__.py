"""The model runtime: load a model, run an engine on it.

    from runtime import Engine, Request, load_model

    with Engine(load_model("smollm2-135m")) as engine:
        print(engine.generate(["The capital of France is"])[0][0].text)

These names are all that code outside this package uses. Each is imported when it is first asked for, so that
`import runtime` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.adapters.describe import AdapterInfo, describe_peft
    from runtime.adapters.merge import LogitDrift, MergeReport, ModuleDrift, compare_logits
    from runtime.adapters.merge_gguf import merge_to_gguf
    from runtime.adapters.merge_safetensors import merge_to_safetensors
    from runtime.adapters.read import read_peft
    from runtime.adapters.write import write_peft
    from runtime.config import ModelConfig
    from runtime.engine.engine import Engine
    from runtime.engine.handle import Handle
    from runtime.engine.requests import FinishReason, Piece, Request, Result, Timings
    from runtime.engine.scheduler import EngineStats
    from runtime.engine.scoring import TokenScores
    from runtime.errors import (
        AdapterError,
        CatalogError,
        ChatTemplateError,
        ConstraintLimitError,
        CorruptFileError,
        EngineClosedError,
        KernelUnavailableError,
        LoadError,
        ModelRuntimeError,
        OutOfPagesError,
        SequenceTooLongError,
        TokenizerError,
        TrainingDataError,
        TrainingDivergedError,
        UnsupportedModelError,
    )
    from runtime.files import data_dir
    from runtime.grammar.base import Constraint
    from runtime.grammar.matcher import compile_constraint
    from runtime.kernels.cpu.bandwidth import measure_bandwidth
    from runtime.kernels.cpu.threads import default_num_threads
    from runtime.kernels.registry import available_backends, get_backend
    from runtime.layers.adapter import AdapterWeights
    from runtime.layers.bottleneck import BottleneckMatrices, BottleneckWeights
    from runtime.layers.lora import LoraMatrices, LoraWeights
    from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights
    from runtime.loaders.catalog import (
        find_entry,
        find_stored,
        is_offline,
        pull,
        read_stored,
        remove,
        resolve,
        verify,
    )
    from runtime.loaders.catalog_bundle import export_models, import_models
    from runtime.loaders.catalog_entries import (
        DEFAULT_EMBEDDER,
        DEFAULT_MODEL,
        ENTRIES,
        CatalogEntry,
        WheelMember,
        WheelSource,
    )
    from runtime.loaders.catalog_recommend import Advice, recommend_models
    from runtime.loaders.catalog_store import Manifest, installed, weight_path, weights_digest
    from runtime.loaders.load import Model, load_model
    from runtime.loaders.memory import available_memory_bytes
    from runtime.loaders.model_text import ModelText, load_model_text
    from runtime.loaders.wheel import fetch_members
    from runtime.sampling.logprobs import TokenLogprobs
    from runtime.sampling.params import SamplingParams
    from runtime.tokenizer.base import TextStream, Tokenizer
    from runtime.tokenizer.chat_encoding import encode_chat
    from runtime.tokenizer.chat_template import ChatTemplate, Template, default_template
    from runtime.training.bottleneck import TrainableBottleneck
    from runtime.training.bottleneck_settings import BottleneckSettings
    from runtime.training.data.encode import EncodingSettings
    from runtime.training.data.example import PreferencePair, SkippedLine, TokenExample
    from runtime.training.data.model_encoding import model_encoding
    from runtime.training.data.packing import Packed, pack, pack_pairs
    from runtime.training.data.prepare import DataSettings, PreparedData, prepare_data
    from runtime.training.data.report import DatasetReport, EncodedLine, LengthStatistics
    from runtime.training.dora import TrainableDora
    from runtime.training.dpo import DirectPreference
    from runtime.training.lora import TrainableLora
    from runtime.training.lora_settings import LoraSettings
    from runtime.training.memory_cost import MemoryOptions
    from runtime.training.objective import NextToken, Objective, Summed
    from runtime.training.planner import PlannedChange, Probe, TrainingPlan, plan_training
    from runtime.training.prefix_tuning import TrainablePrefix
    from runtime.training.probe import probe_training
    from runtime.training.prompt_tuning import TrainableSoftPrompt
    from runtime.training.settings import TrainingSettings
    from runtime.training.shapes import (
        AdapterShape,
        ModelShape,
        bottleneck_shape,
        low_rank_shape,
        prefix_shape,
        read_model_shape,
        soft_prompt_shape,
    )
    from runtime.training.trainable import TrainableAdapter
    from runtime.training.trainer import TrainingProgress, TrainingResult, mean_loss, train
    from runtime.training.virtual_token_settings import VirtualTokenSettings
    from runtime.training.weights import FrozenDecoder, load_frozen_decoder

__all__ = [  # noqa: RUF022 (plain order; the linter would put constants first)
    "AdapterError",
    "AdapterInfo",
    "AdapterShape",
    "AdapterWeights",
    "Advice",
    "BottleneckMatrices",
    "BottleneckSettings",
    "BottleneckWeights",
    "CatalogEntry",
    "CatalogError",
    "ChatTemplate",
    "ChatTemplateError",
    "Constraint",
    "ConstraintLimitError",
    "CorruptFileError",
    "DEFAULT_EMBEDDER",
    "DEFAULT_MODEL",
    "DataSettings",
    "DatasetReport",
    "DirectPreference",
    "ENTRIES",
    "EncodedLine",
    "EncodingSettings",
    "Engine",
    "EngineClosedError",
    "EngineStats",
    "FinishReason",
    "FrozenDecoder",
    "Handle",
    "KernelUnavailableError",
    "LengthStatistics",
    "LoadError",
    "LogitDrift",
    "LoraMatrices",
    "LoraSettings",
    "LoraWeights",
    "Manifest",
    "MemoryOptions",
    "MergeReport",
    "Model",
    "ModelConfig",
    "ModelRuntimeError",
    "ModelShape",
    "ModelText",
    "ModuleDrift",
    "NextToken",
    "Objective",
    "OutOfPagesError",
    "Packed",
    "Piece",
    "PlannedChange",
    "PreferencePair",
    "PrefixWeights",
    "PreparedData",
    "Probe",
    "Request",
    "Result",
    "SamplingParams",
    "SequenceTooLongError",
    "SkippedLine",
    "SoftPromptWeights",
    "Summed",
    "Template",
    "TextStream",
    "Timings",
    "TokenExample",
    "TokenLogprobs",
    "TokenScores",
    "Tokenizer",
    "TokenizerError",
    "TrainableAdapter",
    "TrainableBottleneck",
    "TrainableDora",
    "TrainableLora",
    "TrainablePrefix",
    "TrainableSoftPrompt",
    "TrainingDataError",
    "TrainingDivergedError",
    "TrainingPlan",
    "TrainingProgress",
    "TrainingResult",
    "TrainingSettings",
    "UnsupportedModelError",
    "VirtualTokenSettings",
    "WheelMember",
    "WheelSource",
    "available_backends",
    "available_memory_bytes",
    "bottleneck_shape",
    "compare_logits",
    "compile_constraint",
    "data_dir",
    "default_num_threads",
    "default_template",
    "describe_peft",
    "encode_chat",
    "export_models",
    "fetch_members",
    "find_entry",
    "find_stored",
    "get_backend",
    "import_models",
    "installed",
    "is_offline",
    "load_frozen_decoder",
    "load_model",
    "load_model_text",
    "low_rank_shape",
    "mean_loss",
    "measure_bandwidth",
    "merge_to_gguf",
    "merge_to_safetensors",
    "model_encoding",
    "pack",
    "pack_pairs",
    "plan_training",
    "prefix_shape",
    "prepare_data",
    "probe_training",
    "pull",
    "read_model_shape",
    "read_peft",
    "read_stored",
    "recommend_models",
    "remove",
    "resolve",
    "soft_prompt_shape",
    "train",
    "verify",
    "weight_path",
    "weights_digest",
    "write_peft",
]

_NAMES_BY_MODULE = {
    "runtime.adapters.describe": "AdapterInfo describe_peft",
    "runtime.adapters.merge": "LogitDrift MergeReport ModuleDrift compare_logits",
    "runtime.adapters.merge_gguf": "merge_to_gguf",
    "runtime.adapters.merge_safetensors": "merge_to_safetensors",
    "runtime.adapters.read": "read_peft",
    "runtime.adapters.write": "write_peft",
    "runtime.config": "ModelConfig",
    "runtime.engine.engine": "Engine",
    "runtime.engine.handle": "Handle",
    "runtime.engine.requests": "FinishReason Piece Request Result Timings",
    "runtime.engine.scheduler": "EngineStats",
    "runtime.engine.scoring": "TokenScores",
    "runtime.errors": "AdapterError CatalogError ChatTemplateError ConstraintLimitError CorruptFileError "
    "EngineClosedError KernelUnavailableError LoadError ModelRuntimeError OutOfPagesError SequenceTooLongError "
    "TokenizerError TrainingDataError TrainingDivergedError UnsupportedModelError",
    "runtime.files": "data_dir",
    "runtime.grammar.base": "Constraint",
    "runtime.grammar.matcher": "compile_constraint",
    "runtime.kernels.cpu.bandwidth": "measure_bandwidth",
    "runtime.kernels.cpu.threads": "default_num_threads",
    "runtime.kernels.registry": "available_backends get_backend",
    "runtime.layers.adapter": "AdapterWeights",
    "runtime.layers.bottleneck": "BottleneckMatrices BottleneckWeights",
    "runtime.layers.lora": "LoraMatrices LoraWeights",
    "runtime.layers.virtual_tokens": "PrefixWeights SoftPromptWeights",
    "runtime.loaders.catalog": "find_entry find_stored is_offline pull read_stored remove resolve verify",
    "runtime.loaders.catalog_bundle": "export_models import_models",
    "runtime.loaders.catalog_entries": "DEFAULT_EMBEDDER DEFAULT_MODEL ENTRIES CatalogEntry WheelMember WheelSource",
    "runtime.loaders.catalog_recommend": "Advice recommend_models",
    "runtime.loaders.catalog_store": "Manifest installed weight_path weights_digest",
    "runtime.loaders.load": "Model load_model",
    "runtime.loaders.memory": "available_memory_bytes",
    "runtime.loaders.model_text": "ModelText load_model_text",
    "runtime.loaders.wheel": "fetch_members",
    "runtime.sampling.logprobs": "TokenLogprobs",
    "runtime.sampling.params": "SamplingParams",
    "runtime.tokenizer.base": "TextStream Tokenizer",
    "runtime.tokenizer.chat_encoding": "encode_chat",
    "runtime.tokenizer.chat_template": "ChatTemplate Template default_template",
    "runtime.training.bottleneck": "TrainableBottleneck",
    "runtime.training.bottleneck_settings": "BottleneckSettings",
    "runtime.training.dora": "TrainableDora",
    "runtime.training.data.encode": "EncodingSettings",
    "runtime.training.data.example": "PreferencePair SkippedLine TokenExample",
    "runtime.training.data.model_encoding": "model_encoding",
    "runtime.training.data.prepare": "DataSettings PreparedData prepare_data",
    "runtime.training.data.report": "DatasetReport EncodedLine LengthStatistics",
    "runtime.training.data.packing": "Packed pack pack_pairs",
    "runtime.training.dpo": "DirectPreference",
    "runtime.training.lora": "TrainableLora",
    "runtime.training.lora_settings": "LoraSettings",
    "runtime.training.objective": "NextToken Objective Summed",
    "runtime.training.prefix_tuning": "TrainablePrefix",
    "runtime.training.prompt_tuning": "TrainableSoftPrompt",
    "runtime.training.memory_cost": "MemoryOptions",
    "runtime.training.planner": "PlannedChange Probe TrainingPlan plan_training",
    "runtime.training.probe": "probe_training",
    "runtime.training.shapes": "AdapterShape ModelShape bottleneck_shape low_rank_shape prefix_shape read_model_shape "
    "soft_prompt_shape",
    "runtime.training.settings": "TrainingSettings",
    "runtime.training.trainable": "TrainableAdapter",
    "runtime.training.trainer": "TrainingProgress TrainingResult mean_loss train",
    "runtime.training.virtual_token_settings": "VirtualTokenSettings",
    "runtime.training.weights": "FrozenDecoder load_frozen_decoder",
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'runtime' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # later uses do not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
