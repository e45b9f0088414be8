"""The benchmark of the store measures what it says, on a store of a few conversations."""

from pathlib import Path

from eval.speed.conversations import measure


def test_a_small_store_is_measured(tmp_path: Path) -> None:
    figures = measure(tmp_path / "c.db", 3, 4, 400)
    assert figures["messages"] == 24
    assert figures["stored_twice"] == 0
    assert figures["text_mb"] * 1e6 >= 3 * 4 * 400
    assert 0 < figures["search_index_mb"] < figures["file_mb"]
    assert all(figures[name]["median_ms"] <= figures[name]["slowest_ms"] for name in ("open", "append", "delete"))
