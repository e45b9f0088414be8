"""The tables of an index.

    documents ─┬─ texts    a document's text in parts, so that a chunk costs one or two of them
               └─ chunks ─┬─ chunk_data    words and vector, apart: they are large and seldom read
                          └─ chunk_words   the keyword index (FTS5) over those words
    skipped    files of the folder that are no documents

A chunk's text is stored nowhere but in its document: `start` and `end` cut it out, so the two cannot disagree.
FTS5 keeps no copy of the words (`content=''`); to take a chunk out of it, it must be told exactly the words that went
in, which is what `chunk_data.words` is for.
"""

from collections.abc import Iterable

TEXT_PART_CHARS = 1 << 15

# FTS5 sees words that were cut already, joined by spaces. "ascii" takes every character beyond ASCII as part of a word;
# with all punctuation added, spaces alone separate. (A tab or line end inside a word would too: `join_words` leaves
# none.)
_PUNCTUATION = "".join(chr(code) for code in range(33, 127) if not chr(code).isalnum()).replace("'", "''''")
FTS5_TOKENIZER = f"ascii tokenchars ''{_PUNCTUATION}''"  # as it stands between single quotes

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
    document_id INTEGER PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,       -- of the file
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,  -- -1: look at the bytes next time
    title TEXT NOT NULL,
    media_type TEXT NOT NULL,
    language TEXT NOT NULL,
    metadata TEXT NOT NULL,     -- a JSON object of plain values
    pages TEXT NOT NULL,        -- JSON: [[page_number, start, end], …]
    sections TEXT NOT NULL,     -- JSON: [[title, level, start, end], …]
    num_chars INTEGER NOT NULL,
    text_sha256 BLOB NOT NULL
);
CREATE TABLE texts (
    document_id INTEGER NOT NULL,
    part INTEGER NOT NULL,      -- characters part * {TEXT_PART_CHARS} and on
    text TEXT NOT NULL,
    UNIQUE (document_id, part)
);
CREATE TABLE chunks (
    chunk_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given twice
    document_id INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    page_number INTEGER,
    section_path TEXT NOT NULL, -- a JSON array
    text_sha256 BLOB NOT NULL
);
CREATE INDEX chunks_of_document ON chunks (document_id, start);
CREATE TABLE chunk_data (
    chunk_id INTEGER PRIMARY KEY,
    words BLOB NOT NULL,        -- zlib of the words with spaces between
    vector BLOB                 -- float16; the null of a draft is filled before it is committed
);
CREATE VIRTUAL TABLE chunk_words USING fts5 (words, content = '', tokenize = '{FTS5_TOKENIZER}');
CREATE TABLE skipped (
    source TEXT PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL
);
"""


def join_words(words: Iterable[str]) -> str:
    """Words as FTS5 gets them: one space between two, none of anything else that separates."""
    return " ".join(part for word in words for part in word.replace("\x00", " ").split())
