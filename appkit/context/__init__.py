"""Prompts compiled to a token budget. Names are imported when they are first used.

compiled = compile_context(
    [Section(name="system", items=(Item(id="system", text="Answer in one sentence."),)),
     Section(name="history", items=turns(messages), overflow="drop_oldest"),
     Section(name="question", items=(Item(id="question", text="And in winter?"),))],
    model, answer_tokens=256)
print(compiled.explain())
answer = model.chat(compiled.messages, GenerationSettings(max_tokens=256))
"""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.context.compile import compile_context
    from appkit.context.compiled import CompiledContext, ItemUse, SectionUse
    from appkit.context.counting import item_tokens
    from appkit.context.items import Item, Section, turns
    from appkit.context.layout import default_layout

_HOMES = {
    "CompiledContext": "compiled",
    "Item": "items",
    "ItemUse": "compiled",
    "Section": "items",
    "SectionUse": "compiled",
    "compile_context": "compile",
    "default_layout": "layout",
    "item_tokens": "counting",
    "turns": "items",
}

__all__ = [
    "CompiledContext",
    "Item",
    "ItemUse",
    "Section",
    "SectionUse",
    "compile_context",
    "default_layout",
    "item_tokens",
    "turns",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
