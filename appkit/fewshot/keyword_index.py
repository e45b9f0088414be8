"""A keyword index in memory: the tables and the search of retrieval, one chunk an example."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from appkit.retrieval.schema import SCHEMA, join_words
from appkit.retrieval.store import Store


def build_keyword_index(words: Sequence[Sequence[str]]) -> Store:
    """A store whose `keyword_search` finds the row numbers of texts, given as `search_words` cuts them.

    The connection goes with the store, so nothing needs closing.
    """
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.executescript(SCHEMA)
    rows = ((row, join_words(found)) for row, found in enumerate(words))
    connection.executemany("INSERT INTO chunk_words (rowid, words) VALUES (?, ?)", rows)
    connection.commit()
    return Store(Path(":memory:"), connection=connection)
