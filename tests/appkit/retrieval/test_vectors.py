"""Tests of `appkit.retrieval.vectors`: the matrix in a file, exact search in it."""

from pathlib import Path

import numpy as np
import pytest

from appkit.retrieval.vectors import map_file, matrix_of, search_exact, write_vectors


def test_what_was_written_comes_back_and_the_same_bytes_again(tmp_path: Path, rng: np.random.Generator) -> None:
    blocks = [rng.normal(size=(n, 6)).astype(np.float16) for n in (5, 1, 7)]
    digests = []
    for name in "ab":
        with (tmp_path / name).open("wb") as file:
            digests.append(write_vectors(file, blocks, 13, 6))
    matrix = matrix_of(map_file(tmp_path / "a"), 13, 6, digests[0])
    assert matrix is not None and np.array_equal(matrix, np.concatenate(blocks))
    assert digests[0] == digests[1] and (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_matrix_of_another_shape_or_digest_is_not_given(tmp_path: Path) -> None:
    with (tmp_path / "v").open("wb") as file:
        digest = write_vectors(file, [np.ones((2, 3), np.float32)], 2, 3)
    assert matrix_of(map_file(tmp_path / "v"), 3, 2, digest[::-1]) is None
    assert matrix_of(map_file(tmp_path / "v"), 2, 4, digest) is None
    assert matrix_of(map_file(tmp_path / "missing"), 2, 3, digest) is None


def test_the_best_rows_come_first_and_equal_ones_in_their_order() -> None:
    matrix = np.array([[1, 0], [0, 1], [1, 0], [0.6, 0.8], [1, 0]], np.float32)
    rows, scores = search_exact(matrix, np.array([1, 0], np.float32), 4)
    assert rows.tolist() == [0, 2, 4, 3]
    assert scores == pytest.approx([1, 1, 1, 0.6])


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5, 99])
def test_a_limit_takes_the_head_of_the_whole_order(rng: np.random.Generator, limit: int) -> None:
    matrix = rng.integers(-2, 3, size=(50, 3)).astype(np.float32)  # many equal scores
    query = np.array([1, 2, -1], np.float32)
    whole, _ = search_exact(matrix, query, 50)
    assert search_exact(matrix, query, limit)[0].tolist() == whole[:limit].tolist()
    some = np.array([3, 4, 17, 40])
    assert search_exact(matrix, query, limit, some)[0].tolist() == [row for row in whole if row in some][:limit]
