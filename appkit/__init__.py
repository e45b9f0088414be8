"""appkit: retrieval-augmented generation, chatbots and agents on a model runtime of its own.

    from appkit import Chat
    for text in Chat().stream("Explain a KV cache"):
        print(text, end="")

Names are imported when they are first used, so `import appkit` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appkit.agents import Agent, AgentResult, Limits
    from appkit.chat import Chat, ChatStats, ChatStream, Conversation, ConversationNotice, ConversationStore, SearchHit
    from appkit.context import CompiledContext, Item, Section, compile_context, item_tokens, turns
    from appkit.errors import (
        AppkitError,
        CapabilityError,
        ContextOverflowError,
        OutputParseError,
        RemoteModelError,
        TemplateError,
        ToolError,
        TraceError,
        TuningError,
    )
    from appkit.fewshot import Example, ExampleStore, Selection
    from appkit.llm.base import (
        Completion,
        CompletionStream,
        Embedder,
        GenerationSettings,
        LanguageModel,
        Usage,
    )
    from appkit.llm.embedder import LocalEmbedder
    from appkit.llm.local import LocalModel
    from appkit.llm.notices import ModelNotice
    from appkit.llm.open import open_model
    from appkit.llm.remote import RemoteModel
    from appkit.llm.remote_http import RemoteLimits
    from appkit.llm.scripted import ScriptedModel
    from appkit.llm.sentence_transformers import SentenceTransformersEmbedder
    from appkit.messages import Citation, Constraint, Message, ToolCall, ToolSpec
    from appkit.rag import Answer, AnswerStream, DocumentChat, Index
    from appkit.structured import Choice, OutputType, Regex, Retry, generate_typed, output_type
    from appkit.templates import Prompt, list_prompts, load_prompt
    from appkit.tools import Tool, ToolResult, tool
    from appkit.trace import Trace, TraceRecord, TraceWriter, read_trace
    from appkit.tuning import TuneConfig, TuneResult, tune

__version__ = "0.1.0"

_HOMES = {
    "Agent": "appkit.agents",
    "AgentResult": "appkit.agents",
    "Answer": "appkit.rag",
    "AnswerStream": "appkit.rag",
    "AppkitError": "appkit.errors",
    "CapabilityError": "appkit.errors",
    "Chat": "appkit.chat",
    "ChatStats": "appkit.chat",
    "ChatStream": "appkit.chat",
    "Choice": "appkit.structured",
    "Citation": "appkit.messages",
    "CompiledContext": "appkit.context",
    "Completion": "appkit.llm.base",
    "CompletionStream": "appkit.llm.base",
    "Constraint": "appkit.messages",
    "ContextOverflowError": "appkit.errors",
    "Conversation": "appkit.chat",
    "ConversationNotice": "appkit.chat",
    "ConversationStore": "appkit.chat",
    "DocumentChat": "appkit.rag",
    "Embedder": "appkit.llm.base",
    "Example": "appkit.fewshot",
    "ExampleStore": "appkit.fewshot",
    "GenerationSettings": "appkit.llm.base",
    "Index": "appkit.rag",
    "Item": "appkit.context",
    "LanguageModel": "appkit.llm.base",
    "Limits": "appkit.agents",
    "LocalEmbedder": "appkit.llm.embedder",
    "LocalModel": "appkit.llm.local",
    "Message": "appkit.messages",
    "ModelNotice": "appkit.llm.notices",
    "OutputParseError": "appkit.errors",
    "OutputType": "appkit.structured",
    "Prompt": "appkit.templates",
    "Regex": "appkit.structured",
    "RemoteLimits": "appkit.llm.remote_http",
    "RemoteModel": "appkit.llm.remote",
    "RemoteModelError": "appkit.errors",
    "Retry": "appkit.structured",
    "ScriptedModel": "appkit.llm.scripted",
    "SearchHit": "appkit.chat",
    "Section": "appkit.context",
    "Selection": "appkit.fewshot",
    "SentenceTransformersEmbedder": "appkit.llm.sentence_transformers",
    "TemplateError": "appkit.errors",
    "Tool": "appkit.tools",
    "ToolCall": "appkit.messages",
    "ToolError": "appkit.errors",
    "ToolResult": "appkit.tools",
    "ToolSpec": "appkit.messages",
    "Trace": "appkit.trace",
    "TraceError": "appkit.errors",
    "TraceRecord": "appkit.trace",
    "TraceWriter": "appkit.trace",
    "TuneConfig": "appkit.tuning",
    "TuneResult": "appkit.tuning",
    "TuningError": "appkit.errors",
    "Usage": "appkit.llm.base",
    "compile_context": "appkit.context",
    "evaluate": "eval.harness.run",  # by name alone: nothing here imports evaluations before they are asked for
    "generate_typed": "appkit.structured",
    "item_tokens": "appkit.context",
    "list_prompts": "appkit.templates",
    "load_prompt": "appkit.templates",
    "open_model": "appkit.llm.open",
    "output_type": "appkit.structured",
    "read_trace": "appkit.trace",
    "tool": "appkit.tools",
    "tune": "appkit.tuning",
    "turns": "appkit.context",
}

__all__ = [
    "Agent",
    "AgentResult",
    "Answer",
    "AnswerStream",
    "AppkitError",
    "CapabilityError",
    "Chat",
    "ChatStats",
    "ChatStream",
    "Choice",
    "Citation",
    "CompiledContext",
    "Completion",
    "CompletionStream",
    "Constraint",
    "ContextOverflowError",
    "Conversation",
    "ConversationNotice",
    "ConversationStore",
    "DocumentChat",
    "Embedder",
    "Example",
    "ExampleStore",
    "GenerationSettings",
    "Index",
    "Item",
    "LanguageModel",
    "Limits",
    "LocalEmbedder",
    "LocalModel",
    "Message",
    "ModelNotice",
    "OutputParseError",
    "OutputType",
    "Prompt",
    "Regex",
    "RemoteLimits",
    "RemoteModel",
    "RemoteModelError",
    "Retry",
    "ScriptedModel",
    "SearchHit",
    "Section",
    "Selection",
    "SentenceTransformersEmbedder",
    "TemplateError",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolResult",
    "ToolSpec",
    "Trace",
    "TraceError",
    "TraceRecord",
    "TraceWriter",
    "TuneConfig",
    "TuneResult",
    "TuningError",
    "Usage",
    "__version__",
    "compile_context",
    "evaluate",
    "generate_typed",
    "item_tokens",
    "list_prompts",
    "load_prompt",
    "open_model",
    "output_type",
    "read_trace",
    "tool",
    "tune",
    "turns",
]


def foreign_runtime() -> str | None:
    """The file of another package called `runtime` that Python would take for ours; None where all is well."""
    from importlib.util import find_spec
    from pathlib import Path

    ours = Path(__file__).resolve().parents[1] / "runtime"
    try:
        spec = find_spec("runtime")
    except (ImportError, ValueError):  # a module that was put into sys.modules by hand has no spec
        spec = None
    if spec is None:
        return "nowhere"
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or ())
    if any(Path(place).resolve().is_relative_to(ours) for place in places):
        return None
    return places[0] if places else "nowhere"


def require_own_runtime() -> None:
    """Raise ImportError where `runtime` on the path is another package: the name is a common one."""
    found = foreign_runtime()
    if found is None:
        return
    raise ImportError(
        "appkit needs its own package `runtime`, and Python finds none: install appkit-llm again."
        if found == "nowhere"
        else f"appkit needs its own package `runtime`, and Python finds another one first, at {found}: rename that "
        "one, or take its folder off the path (PYTHONPATH, or the folder the program is started in)."
    )


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'appkit' has no attribute {name!r}")
    require_own_runtime()
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
