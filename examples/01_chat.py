"""A conversation: the second question only makes sense because the first is remembered.

python examples/01_chat.py [MODEL]
"""

import sys

from appkit import Chat

with Chat(*sys.argv[1:2]) as chat:
    for question in ("What is the capital of France?", "And which river runs through it?"):
        print(f"> {question}")
        for text in chat.stream(question, max_tokens=80):
            print(text, end="", flush=True)
        print()
    stats = chat.stats()
    print(f"({stats.prompt_tokens} tokens read, {stats.cached_tokens} of them from the cache)")
