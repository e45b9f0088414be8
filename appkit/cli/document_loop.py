"""The loop of `appkit chat --docs`: questions to the documents of a folder, one after another."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from appkit.cli.answer_report import citation_with_surroundings, print_sources, print_text
from appkit.cli.chat_input import Lines
from appkit.cli.index_report import print_hits
from appkit.cli.line_loop import LineLoop
from appkit.cli.printable import json_text
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.llm.base import LanguageModel
    from appkit.rag import Answer


class DocumentLoop(LineLoop):
    """Opens the folder's index and owns it from then on; a context manager. The model stays its owner's."""

    help_key = "docs_help"
    commands: ClassVar = ("/open", "/found", "/sync")

    def __init__(
        self,
        folder: Path,
        lines: Lines,
        *,
        model: "LanguageModel | None" = None,
        sync: bool = False,
        json: bool = False,
    ) -> None:
        super().__init__(lines, json=json)
        self._folder = folder
        self._model = model
        self._answer: Answer | None = None
        self._open(sync=sync)

    @property
    def num_documents(self) -> int:
        """Documents that can be asked."""
        return self._index.stats().num_documents

    def answer(self, question: str) -> None:
        turn = self._chat.stream(question)  # nothing is computed yet
        with self.interruptible(turn.close):
            if not self._json:
                print_text(turn)
            self._answer = answer = turn.result()
            if self._json:
                self.say(json_text(answer.to_json()), to_person=False)
            else:
                print_sources(answer)

    def obey(self, command: str, rest: str) -> bool:
        match command:
            case "/open":
                self._show(rest)
            case "/found":
                self._found()
            case "/sync":
                self._index.close()
                self._open(sync=True)
            case _:
                return False
        return True

    def _show(self, number: str) -> None:
        if self._answer is None:
            self.say(text("docs_no_answer_yet"))
        elif not (citations := self._answer.citations):
            self.say(text("docs_no_sources"))
        elif number.strip("[]") not in map(str, range(1, len(citations) + 1)):
            self.say(text("docs_no_such_source", count=len(citations)))
        else:
            citation = citations[int(number.strip("[]")) - 1]
            self.say(citation_with_surroundings(citation, self._index.document_text(citation.file)))

    def _found(self) -> None:
        if self._answer is None:
            self.say(text("docs_no_answer_yet"))
        else:
            print_hits(self._answer.retrieved)

    def _open(self, *, sync: bool) -> None:
        from appkit.cli.open_index import open_for_questions
        from appkit.rag import DocumentChat

        self._index = open_for_questions(self._folder, sync=sync)
        self._chat = DocumentChat(self._index, model=self._model)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        self._index.close()
