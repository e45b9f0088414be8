"""A file's tensors are held against its metadata before a kernel sees a byte."""

from pathlib import Path

import pytest

from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.loaders.gguf import TensorInfo
from runtime.loaders.names import check_tensors, tensor_specs
from runtime.models.registry import build_config
from tests.helpers.tiny_model import DECODERS, tiny_metadata, tiny_tensors

PATH = Path("some.gguf")
ARCHITECTURES = (*DECODERS, "bert")


def infos_of(architecture: str) -> dict[str, TensorInfo]:
    return {
        name: TensorInfo(name, "F32", array.shape, 0, array.nbytes)
        for name, array in tiny_tensors(architecture).items()
    }


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_whole_model_passes(architecture):
    check_tensors(build_config(tiny_metadata(architecture), PATH), infos_of(architecture), PATH)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_required_tensor_is_missed_by_name(architecture):
    config = build_config(tiny_metadata(architecture), PATH)
    required = [spec.name for spec in tensor_specs(config) if spec.is_required]
    assert len(required) > 10
    for name in required:
        infos = infos_of(architecture)
        del infos[name]
        with pytest.raises(CorruptFileError, match=f"some.gguf lacks the tensor {name},"):
            check_tensors(config, infos, PATH)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_tensor_of_another_shape_is_named_with_both_shapes(architecture):
    config = build_config(tiny_metadata(architecture), PATH)
    for name, info in infos_of(architecture).items():
        wrong = TensorInfo(name, "F32", (*info.shape[:-1], info.shape[-1] + 1), 0, info.num_bytes)
        with pytest.raises(CorruptFileError, match=rf"{name} has shape \({', '.join(map(str, wrong.shape))}"):
            check_tensors(config, infos_of(architecture) | {name: wrong}, PATH)


def test_a_matrix_where_a_vector_belongs_is_refused():
    config = build_config(tiny_metadata("llama"), PATH)
    wrong = TensorInfo("output_norm.weight", "F32", (64, 1), 0, 256)
    with pytest.raises(CorruptFileError, match=r"output_norm\.weight has shape \(64, 1\)"):
        check_tensors(config, infos_of("llama") | {wrong.name: wrong}, PATH)


@pytest.mark.parametrize("name", ["blk.0.ffn_gate_inp.weight", "blk.0.attn_sinks.weight", "blk.2.attn_q.weight"])
def test_a_tensor_that_would_be_left_out_is_refused(name):
    config = build_config(tiny_metadata("llama"), PATH)
    extra = TensorInfo(name, "F32", (64, 64), 0, 16384)
    with pytest.raises(UnsupportedModelError, match=f"holds the tensor {name}"):
        check_tensors(config, infos_of("llama") | {name: extra}, PATH)


def test_the_cached_rotation_table_of_old_files_is_passed_over():
    config = build_config(tiny_metadata("llama"), PATH)
    extra = TensorInfo("blk.0.attn_rot_embd.weight", "F32", (8,), 0, 32)
    check_tensors(config, infos_of("llama") | {extra.name: extra}, PATH)
