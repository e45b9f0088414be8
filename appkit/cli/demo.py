"""What `make demo` shows: a folder is indexed, three questions are answered by quotes, and the chat stays open."""

import sys
from pathlib import Path

from appkit.cli.document_loop import DocumentLoop
from appkit.cli.main import guarded
from appkit.cli.progress import show_progress
from appkit.cli.texts import text

FOLDER = "examples/documents"  # of the repository
QUESTIONS = (
    "How often must the strainer be cleaned?",
    "What does the extension of the warranty cost?",
    "整机保修期是多久？",
)


def demo() -> None:
    """Pull the models that are missing, index the folder, ask, and go on as `appkit chat --docs` for a person."""
    from appkit.cli.chat_input import PipedLines, TerminalLines
    from runtime import DEFAULT_EMBEDDER, DEFAULT_MODEL

    for name in (DEFAULT_EMBEDDER, DEFAULT_MODEL):  # the second is for `appkit chat`
        _pull(name)
    is_person = sys.stdin.isatty() and sys.stdout.isatty()
    lines = TerminalLines() if is_person else PipedLines(sys.stdin)
    with DocumentLoop(Path(__file__).resolve().parents[2] / FOLDER, lines, sync=True) as loop:
        sys.stdout.write(text("docs_banner", folder=FOLDER, documents=loop.num_documents) + "\n")
        for question in QUESTIONS:
            sys.stdout.write(f"\n> {question}\n")
            loop.answer(question)
        if is_person:
            sys.stdout.write("\n")
            loop.run()


def _pull(name: str) -> None:
    from runtime import pull

    with show_progress(name) as progress:
        pull(name, progress=progress)


if __name__ == "__main__":
    guarded(demo)
