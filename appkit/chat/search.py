"""Finding messages by their words: an index over the nodes of the tree, and the part of a message where the words are.

Words are cut as document search cuts them, so Chinese is found too. A query is only ever words: quotes and operators
in it have no meaning. Messages on branches left behind are found as well, and marked.
"""

import re
import sqlite3
import zlib
from collections.abc import Sequence

from appkit.retrieval.schema import join_words
from appkit.retrieval.segmentation import search_words

MAX_INDEXED_CHARACTERS = 200_000  # of a message, its beginning; what is behind is not found
MAX_QUERY_CHARACTERS = 1000
SNIPPET_LEN = 160  # characters

_WHITE = re.compile(r"\s+")


def add_words(db: sqlite3.Connection, node: int, content: str) -> None:
    """Make a new node findable."""
    body_id = db.execute("SELECT body_id FROM nodes WHERE node_id = ?", (node,)).fetchone()[0]
    found = db.execute("SELECT words FROM body_words WHERE body_id = ?", (body_id,)).fetchone()
    if found:
        words = zlib.decompress(found[0]).decode()
    else:
        words = join_words(search_words(content[:MAX_INDEXED_CHARACTERS]))
        db.execute("INSERT INTO body_words VALUES (?, ?)", (body_id, zlib.compress(words.encode(), 9)))
    db.execute("INSERT INTO node_words (rowid, words) VALUES (?, ?)", (node, words))


def remove_words(db: sqlite3.Connection, nodes: Sequence[tuple[int, int]]) -> None:
    """Take nodes, given with their bodies, out of the index: exactly the words that went in, for FTS5 has no copy."""
    for node, body_id in nodes:
        found = db.execute("SELECT words FROM body_words WHERE body_id = ?", (body_id,)).fetchone()
        if found:
            words = zlib.decompress(found[0]).decode()
            db.execute("INSERT INTO node_words (node_words, rowid, words) VALUES ('delete', ?, ?)", (node, words))


def find_nodes(db: sqlite3.Connection, words: Sequence[str], limit: int) -> list[tuple[int, float]]:
    """Nodes with any of `words`, (node, BM25) best first, the newer first where scores are equal."""
    phrases = ['"' + word.replace('"', '""') + '"' for word in dict.fromkeys(join_words(words).split(" ")) if word]
    if not phrases:
        return []
    sql = "SELECT rowid, -rank FROM node_words WHERE node_words MATCH ? ORDER BY rank, rowid DESC LIMIT ?"
    return db.execute(sql, (" OR ".join(phrases), limit)).fetchall()


def snippet(content: str, words: Sequence[str]) -> str:
    """The part of `content` with most of `words`, on one line, an ellipsis where something was left out."""
    text = _WHITE.sub(" ", content[:MAX_INDEXED_CHARACTERS]).strip()
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters grow when they become small
        lowered = text
    # A stem is not always how its word begins: of "happi" look for "happ".
    starts = dict.fromkeys(word if len(word) < 5 else word[:-1] for word in words)
    places = sorted(place for word in starts if (place := lowered.find(word)) >= 0)
    before = SNIPPET_LEN // 4

    def num_words(place: int) -> int:
        window = lowered[max(0, place - before) : place - before + SNIPPET_LEN]
        return sum(word in window for word in starts)

    best = max(places, key=num_words, default=0)
    start = max(0, min(best - before, len(text) - SNIPPET_LEN))
    end = start + SNIPPET_LEN
    return ("…" if start else "") + text[start:end].strip() + ("…" if end < len(text) else "")
