"""From a checked GGUF file to the weights of a decoder or an encoder in a backend's memory."""

import numpy as np

from runtime.config import ModelConfig
from runtime.errors import KernelUnavailableError, UnsupportedModelError
from runtime.kernels.ops import Backend, Buffer, Weight
from runtime.layers.attention import AttentionWeights
from runtime.layers.feed_forward import FeedForwardWeights
from runtime.layers.linear import Linear
from runtime.layers.norm import Norm
from runtime.loaders.gguf import GGUFFile
from runtime.models.decoder import DecoderLayerWeights, DecoderWeights
from runtime.models.encoder import EncoderLayerWeights, EncoderWeights


class WeightReader:
    """Hands tensors of one file to one backend: matrices as stored, vectors as float32."""

    def __init__(self, file: GGUFFile, backend: Backend) -> None:
        self._file = file
        self._backend = backend

    def has(self, name: str) -> bool:
        """Whether the file holds tensor `name`."""
        return name in self._file.tensors

    def matrix(self, name: str) -> Weight:
        """Raises UnsupportedModelError where the backend has no kernel for its format."""
        info = self._file.tensors[name]
        rows, columns = info.shape
        try:
            return self._backend.load_weight(self._file.data(name), info.format, (rows, columns))
        except KernelUnavailableError as error:
            raise UnsupportedModelError(
                f"{self._file.path}: {name} cannot be used: {error}", self._file.path
            ) from error

    def array(self, name: str) -> np.ndarray:
        """A tensor dequantised to float32."""
        return self._file.array(name)

    def vector(self, name: str) -> Buffer:
        """[N] float32."""
        return self._backend.from_numpy(self.array(name))

    def linear(self, name: str) -> Linear:
        """Matrix `name`.weight with its bias, if any."""
        bias = f"{name}.bias"
        return Linear(name, self.matrix(f"{name}.weight"), self.vector(bias) if self.has(bias) else None)

    def norm(self, name: str) -> Norm:
        """Norm `name`.weight with its bias, if any."""
        bias = f"{name}.bias"
        return Norm(self.vector(f"{name}.weight"), self.vector(bias) if self.has(bias) else None)

    def optional_norm(self, name: str) -> Norm | None:
        """`norm`, or None where the model has none of that name."""
        return self.norm(name) if self.has(f"{name}.weight") else None


def load_decoder_weights(file: GGUFFile, config: ModelConfig, backend: Backend) -> DecoderWeights:
    """All weights of a decoder. The file has passed `check_tensors`."""
    reader = WeightReader(file, backend)
    embedding = reader.matrix("token_embd.weight")
    return DecoderWeights(
        embedding=embedding,
        layers=tuple(_decoder_layer(reader, f"blk.{layer_idx}") for layer_idx in range(config.num_layers)),
        output_norm=reader.norm("output_norm"),
        head=reader.matrix("output.weight") if reader.has("output.weight") else embedding,
        rope_freq_factors=reader.array("rope_freqs.weight") if reader.has("rope_freqs.weight") else None,
    )


def load_encoder_weights(file: GGUFFile, config: ModelConfig, backend: Backend) -> EncoderWeights:
    """All weights of an encoder. The file has passed `check_tensors`."""
    reader = WeightReader(file, backend)
    return EncoderWeights(
        embedding=reader.matrix("token_embd.weight"),
        positions=reader.matrix("position_embd.weight"),
        token_types=reader.matrix("token_types.weight") if reader.has("token_types.weight") else None,
        embedding_norm=reader.norm("token_embd_norm"),
        layers=tuple(_encoder_layer(reader, f"blk.{layer_idx}") for layer_idx in range(config.num_layers)),
    )


def _decoder_layer(reader: WeightReader, prefix: str) -> DecoderLayerWeights:
    return DecoderLayerWeights(
        attention_norm=reader.norm(f"{prefix}.attn_norm"),
        attention=_attention(reader, prefix),
        feed_forward_norm=reader.norm(f"{prefix}.ffn_norm"),
        feed_forward=FeedForwardWeights(
            gate=reader.linear(f"{prefix}.ffn_gate"),
            up=reader.linear(f"{prefix}.ffn_up"),
            down=reader.linear(f"{prefix}.ffn_down"),
        ),
        post_attention_norm=reader.optional_norm(f"{prefix}.post_attention_norm"),
        post_feed_forward_norm=reader.optional_norm(f"{prefix}.post_ffw_norm"),
    )


def _encoder_layer(reader: WeightReader, prefix: str) -> EncoderLayerWeights:
    return EncoderLayerWeights(
        attention=_attention(reader, prefix),
        attention_norm=reader.norm(f"{prefix}.attn_output_norm"),
        feed_forward=FeedForwardWeights(up=reader.linear(f"{prefix}.ffn_up"), down=reader.linear(f"{prefix}.ffn_down")),
        feed_forward_norm=reader.norm(f"{prefix}.layer_output_norm"),
    )


def _attention(reader: WeightReader, prefix: str) -> AttentionWeights:
    return AttentionWeights(
        q=reader.linear(f"{prefix}.attn_q"),
        k=reader.linear(f"{prefix}.attn_k"),
        v=reader.linear(f"{prefix}.attn_v"),
        output=reader.linear(f"{prefix}.attn_output"),
        q_norm=reader.optional_norm(f"{prefix}.attn_q_norm"),
        k_norm=reader.optional_norm(f"{prefix}.attn_k_norm"),
    )
