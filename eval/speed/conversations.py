"""What a store of conversations costs: bytes on disk, and milliseconds to open, go on, fork, search and delete.

    python -m eval.speed.conversations [--conversations 1000] [--turns 50] [--characters 400] [--save]

Each turn is a question of a quarter of the characters and an answer of the rest, all of them different, made of the
words of the documents that come with the project, as often as they are used there. An answer has an id for every 4.5
characters, small ids more often than large ones, as in a vocabulary in order of its merges.
"""

import argparse
import json
import random
import re
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from appkit import Chat, ConversationStore, Message, ScriptedModel
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

DOCUMENTS = Path(__file__).resolve().parents[2] / "examples" / "documents"
CHARACTERS_A_TOKEN = 4.5
VOCAB_SIZE = 49_152
SAMPLES = 50
QUERIES = ("pump pressure", "warranty", "how do I clean the filter", "代理服务器", "nothing-like-this")
ABOUT = """
A turn is a question and an answer. `text` is UTF-8, `ids` are LEB128, about two bytes each: what has to be stored.
`search index` is set apart: it is there to be fast. Milliseconds are the median of samples and the slowest.
"""


def main(arguments: list[str]) -> None:
    """Measure and print; with --save, also into `eval/results`."""
    parser = argparse.ArgumentParser(prog="python -m eval.speed.conversations", description=__doc__)
    parser.add_argument("--conversations", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--characters", type=int, default=400, help="of a question and its answer together, at least")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "conversations.db"
        figures = measure(path, options.conversations, options.turns, options.characters)
    figures |= provenance("eval.speed.conversations", *arguments)
    sys.stdout.write(json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
    if options.save:
        run = f"{options.conversations} conversations of {options.turns} turns of {options.characters} characters"
        write_results("conversations", run, figures, title="A store of conversations", about=ABOUT, as_markdown=_page)


def measure(path: Path, num_conversations: int, num_turns: int, num_characters: int) -> dict[str, Any]:
    """Fill a store at `path` and time what people do with it."""
    rng = random.Random(7)  # noqa: S311 - texts, not secrets
    words = _words()
    text_bytes = id_bytes = 0
    conversations: list[str] = []
    start = time.perf_counter()
    with ConversationStore(path) as store:
        for _ in range(num_conversations):
            messages = [message for _ in range(num_turns) for message in _turn(rng, words, num_characters)]
            text_bytes += sum(len(message.content.encode()) for message in messages)
            id_bytes += sum(_leb128_len(token_id) for message in messages for token_id in message.token_ids)
            conversations.append(store.create(model="smollm2-135m", messages=messages).id)
    fill_s = time.perf_counter() - start
    size = _size(path)
    chosen = rng.sample(conversations, min(SAMPLES, len(conversations)))
    figures = {
        "messages": 2 * num_conversations * num_turns,
        "fill_s": round(fill_s, 1),
        "text_mb": round(text_bytes / 1e6, 2),
        "ids_mb": round(id_bytes / 1e6, 2),
        "file_mb": round((size["messages"] + size["search"]) / 1e6, 2),
        "search_index_mb": round(size["search"] / 1e6, 2),
        "ratio": round(size["messages"] / (text_bytes + id_bytes), 3),
        "stored_twice": size["stored_twice"],
        "open": _times(lambda idx: _open(path, chosen[idx]), len(chosen)),
    }
    with ConversationStore(path) as store:
        turns = [_turn(rng, words, num_characters) for _ in chosen]
        figures |= {
            "append": _times(lambda idx: store.append(chosen[idx], turns[idx]), len(chosen)),
            "fork": _times(lambda idx: store.fork(chosen[idx], num_turns), len(chosen)),
            "list": _times(lambda _: store.list(), SAMPLES),
            "search": _times(lambda idx: store.search(QUERIES[idx % len(QUERIES)]), SAMPLES),
            "delete": _times(lambda idx: store.delete(chosen[idx]), min(5, len(chosen))),
        }
    return figures


def _open(path: Path, conversation_id: str) -> None:
    """As a program does that has just begun: the file, the conversation, every message with its hash checked."""
    with ConversationStore(path) as store:
        chat = Chat(ScriptedModel(["ok"]), store=store, conversation=conversation_id)
        assert chat.messages


def _turn(rng: random.Random, words: list[str], num_characters: int) -> tuple[Message, Message]:
    question = _text(rng, words, num_characters // 4)
    answer = _text(rng, words, num_characters - num_characters // 4)
    ids = tuple(int(VOCAB_SIZE ** rng.uniform(0.35, 1)) - 1 for _ in range(int(len(answer) / CHARACTERS_A_TOKEN)))
    return Message(role="user", content=question), Message(role="assistant", content=answer, token_ids=ids)


def _text(rng: random.Random, words: list[str], num_characters: int) -> str:
    text = ""
    while len(text) < num_characters:
        text += rng.choice(words) + " "
    return text.strip().capitalize() + "."


def _words() -> list[str]:
    """Every word of the documents as often as it is there."""
    texts = [path.read_text("utf-8") for path in sorted(DOCUMENTS.rglob("*")) if path.suffix in (".md", ".txt")]
    return re.findall(r"[^\W\d_]+", " ".join(texts))


def _leb128_len(token_id: int) -> int:
    return max(1, -(-token_id.bit_length() // 7))


def _size(path: Path) -> dict[str, int]:
    """Bytes of messages and of the search index, and how many texts are stored more than once."""
    db = sqlite3.connect(path)
    sizes = {"messages": 0, "search": 0}
    for name, size in db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"):
        sizes["search" if name.startswith(("node_words", "body_words")) else "messages"] += size
    sizes["messages"] += path.stat().st_size - sum(sizes.values())
    twice = db.execute("SELECT count(*) - count(DISTINCT text || role || coalesce(extra, '')) FROM bodies").fetchone()
    db.close()
    return {**sizes, "stored_twice": twice[0]}


def _times(act: Callable[[int], object], count: int) -> dict[str, float]:
    """Milliseconds of each call."""

    def timed() -> Iterator[float]:
        for idx in range(count):
            start = time.perf_counter()
            act(idx)
            yield (time.perf_counter() - start) * 1000

    taken = list(timed())
    return {"median_ms": round(statistics.median(taken), 2), "slowest_ms": round(max(taken), 2)}


def _page(figures: dict[str, Any]) -> str:
    names = ("open", "append", "fork", "list", "search", "delete")
    rows = [f"| {name} | {figures[name]['median_ms']} | {figures[name]['slowest_ms']} |" for name in names]
    return "\n".join(
        [
            f"{figures['messages']:,} messages: text {figures['text_mb']} MB, ids {figures['ids_mb']} MB, file "
            f"{figures['file_mb']} MB, of which search index {figures['search_index_mb']} MB; the rest is "
            f"{figures['ratio']} × (text + ids). Stored twice: {figures['stored_twice']}. Filled in "
            f"{figures['fill_s']} s.",
            "",
            "| | median ms | slowest ms |",
            "|---|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
