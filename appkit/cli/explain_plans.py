"""What `appkit explain` can explain: a text or prompt file, the next turn of a conversation, a question to documents.

Each is found and checked before a model is opened, which takes longest; then `Plan.compile` makes the token map.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appkit.cli.options import DEFAULT_MODEL
from appkit.cli.run import join_prompt, plain_request, read_piped, request_from
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.context import CompiledContext, Section
    from appkit.llm.base import LanguageModel
    from appkit.messages import Message

ANSWER_TOKENS = 256  # where neither the command line nor the prompt says how long the answer may be


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the command line says of sizes; None where it does not."""

    answer_tokens: int | None
    budget: int | None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A prompt to explain, and the model it is for where the command line names none."""

    model: str
    compile: "Callable[[LanguageModel], CompiledContext]"


def plan_prompt(
    prompt: str | None, template: str | None, param: Sequence[str], system: str | None, limits: Limits
) -> Plan:
    """What `appkit run` with the same arguments would show the model."""
    request = plain_request(prompt, param) if template is None else request_from(template, param, prompt)
    messages = request.messages_with(system)
    wanted = limits.answer_tokens or request.options.get("max_tokens")
    answer_tokens = wanted or min(ANSWER_TOKENS, (limits.budget or ANSWER_TOKENS * 2) // 2)

    def compile_for(model: "LanguageModel") -> "CompiledContext":
        from appkit.context import compile_context

        return compile_context(
            _sections_of(messages),
            model,
            answer_tokens=answer_tokens,
            budget=limits.budget,
            layout=lambda kept: messages,  # in the prompt's own order
        )

    return Plan(model=DEFAULT_MODEL, compile=compile_for)


def plan_documents(folder: Path, question: str | None, limits: Limits) -> Plan:
    """What `appkit ask FOLDER` with a model would show it."""
    from appkit.cli.open_index import open_for_questions
    from appkit.errors import RetrievalError

    asked = join_prompt(question, read_piped())
    with open_for_questions(folder) as index:
        hits = index.search(asked)
    if not hits:
        raise RetrievalError(text("explain_nothing_found"))

    def compile_for(model: "LanguageModel") -> "CompiledContext":
        from appkit.rag.generate import ANSWER_TOKENS, compile_answer_prompt

        return compile_answer_prompt(
            asked, hits, model, answer_tokens=limits.answer_tokens or ANSWER_TOKENS, budget=limits.budget
        )

    return Plan(model=DEFAULT_MODEL, compile=compile_for)


def plan_conversation(conversation_id: str | None, question: str | None, limits: Limits) -> Plan:
    """What the next turn of a stored conversation, the last one where None, would show the model."""
    from appkit.chat import ConversationStore
    from appkit.chat.memory import TokenBudget
    from appkit.chat.memory.assemble import NOTE, assemble
    from appkit.chat.notes import NotesInMemory
    from appkit.errors import ConversationError
    from appkit.messages import Message

    asked = Message(role="user", content=join_prompt(question, read_piped()))
    with ConversationStore() as store:
        found = store.latest() if conversation_id is None else store.get(conversation_id)
        if found is None:
            raise ConversationError(text("logs_empty"))
        conversation, messages = store.load(found.id)
        cut = store.note(conversation.id, NOTE, num_messages=len(messages))
    notes = NotesInMemory()  # what a turn would note stays out of the store
    if cut is not None:
        notes.put(NOTE, cut[1], cut[0])

    def compile_for(model: "LanguageModel") -> "CompiledContext":
        return assemble(
            (TokenBudget(tokens=limits.budget),),
            model,
            system=conversation.system,
            history=messages,
            question=asked,
            notes=notes,
            answer_tokens=limits.answer_tokens,
        )

    return Plan(model=conversation.model, compile=compile_for)


def _sections_of(messages: "Sequence[Message]") -> "list[Section]":
    """A prompt's messages by what they are for: the system message, examples, and last the question."""
    from appkit.context import Item, Section

    def items(name: str, chosen: "Sequence[Message]") -> tuple[Item, ...]:
        return tuple(Item(id=f"{name} {number}", messages=(message,)) for number, message in enumerate(chosen, 1))

    system = [message for message in messages[:-1] if message.role == "system"]
    examples = [message for message in messages[:-1] if message.role != "system"]
    sections = [
        Section(name="system", items=items("system", system)),
        Section(name="examples", items=items("message", examples)),
        Section(name="question", items=items("question", messages[-1:])),
    ]
    return [section for section in sections if section.items]
