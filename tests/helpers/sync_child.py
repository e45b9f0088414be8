"""A process that syncs, for tests that kill it or meet it at the lock.

    python -m tests.helpers.sync_child INDEX FOLDER [SECONDS TO HOLD THE LOCK FIRST]

Says "ready" before it begins and "done" after; with a hold, it says "locked" while it has the lock.
"""

import sys
import time
from pathlib import Path

from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.manifest import LOCK
from runtime.files import FileLock
from tests.helpers.tiny_embedder import TinyEmbedder


def main() -> None:
    path, folder = Path(sys.argv[1]), Path(sys.argv[2])
    hold_s = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    with DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as index:
        if hold_s:
            with FileLock(path / LOCK, 0.0):
                (path / LOCK).write_text("4711\n")
                print("locked", flush=True)
                time.sleep(hold_s)
            return
        print("ready", flush=True)
        index.sync(folder)
        print("done", flush=True)


if __name__ == "__main__":
    main()
