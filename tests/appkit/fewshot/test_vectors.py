"""Vectors on disk: read again by the next process, and believed only where the embedder agrees."""

import io
import logging
from pathlib import Path

import numpy as np
import pytest

from appkit.fewshot import Example, ExampleStore
from tests.appkit.fewshot.examples import make_store
from tests.helpers.tiny_embedder import TinyEmbedder


def kept(folder: Path) -> ExampleStore:
    return ExampleStore(make_store(), vectors_dir=folder)


def test_the_next_store_of_the_same_texts_reads_them_and_embeds_three_texts_to_check(tmp_path: Path) -> None:
    first = kept(tmp_path / "new").vectors(TinyEmbedder())
    embedder = TinyEmbedder()
    again = kept(tmp_path / "new").vectors(embedder)
    assert np.array_equal(first, again)
    assert len(embedder.embedded) == 3


def test_other_texts_and_other_embedders_have_files_of_their_own(tmp_path: Path) -> None:
    kept(tmp_path).vectors(TinyEmbedder())
    kept(tmp_path).vectors(TinyEmbedder(name="other"))
    ExampleStore([Example(id="a", fields={"t": "x"}, label="y")], vectors_dir=tmp_path).vectors(TinyEmbedder())
    assert len(list(tmp_path.iterdir())) == 3


def as_npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


HUGE = as_npy(np.zeros((6, 64), "<f4")).replace(b"(6, 64)", b"(6000000000000000, 64)")[:128]
DAMAGED = {
    "nothing": b"",
    "no matrix": b"what is this",
    "objects, which would need pickle": as_npy(np.array([print, None], object)),
    "another shape": as_npy(np.zeros((5, 64), "<f4")),
    "a shape larger than the file": HUGE,
    "another type": as_npy(np.ones((6, 64), "<f8")),
    "numbers that are not finite": as_npy(np.full((6, 64), np.nan, "<f4")),
    "vectors of something else": as_npy(np.eye(6, 64, dtype="<f4")),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_file_that_is_not_believed_is_said_and_made_anew(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    good = kept(tmp_path).vectors(TinyEmbedder())
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(kept(tmp_path).vectors(TinyEmbedder()), good)
    assert f"{path} does not hold what 'tiny' says" in caplog.text
    assert np.array_equal(np.load(path), good)


def test_another_embedder_under_the_same_name_does_not_get_the_saved_vectors(tmp_path: Path) -> None:
    saved = kept(tmp_path).vectors(TinyEmbedder(seed=0))
    assert not np.allclose(kept(tmp_path).vectors(TinyEmbedder(seed=1)), saved)
