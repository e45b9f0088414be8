"""What `make demo` shows: the default model is fetched once, answers three questions, and stays to talk."""

import sys

from appkit.chat import Chat
from appkit.cli.chat_loop import ChatLoop, TerminalLines
from appkit.cli.main import guarded
from appkit.cli.progress import show_progress
from appkit.cli.report import print_pieces
from appkit.cli.texts import text
from appkit.llm.open import DEFAULT_MODEL

QUESTIONS = (
    "What is the capital of France?",
    "And of Italy?",
    "Who painted the Mona Lisa?",
)
MAX_TOKENS = 60


def demo(model: str = DEFAULT_MODEL) -> None:
    """Pull `model` if it is missing, ask, print the answers, and go on as `appkit chat` where a person is there."""
    if model == DEFAULT_MODEL:
        _pull(model)
    with Chat(model) as chat:
        sys.stdout.write(text("chat_banner", model=chat.model.name, max_seq_len=chat.model.max_seq_len) + "\n")
        for question in QUESTIONS:
            sys.stdout.write(f"> {question}\n")
            print_pieces(chat.stream(question, max_tokens=MAX_TOKENS))
        if sys.stdin.isatty() and sys.stdout.isatty():
            ChatLoop(chat, TerminalLines()).run()


def _pull(name: str) -> None:
    from runtime import pull

    with show_progress(name) as progress:
        pull(name, progress=progress)


if __name__ == "__main__":
    guarded(lambda: demo(*sys.argv[1:2]))
