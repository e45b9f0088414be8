"""How examples are encoded for one model: as it will be asked when the adapter is used."""

import datetime
from typing import cast

from runtime.loaders.model_text import ModelText
from runtime.tokenizer.chat_template import Template, default_template
from runtime.training.data.encode import DEFAULT_MAX_LEN, EncodingSettings, Prompts, Supervise, TooLong


def model_encoding(
    model: ModelText,
    *,
    max_len: int | None = None,
    supervise: Supervise = "answers",
    too_long: TooLong = "drop",
    prompts: Prompts | None = None,
    system: str | None = None,
    now: datetime.datetime | None = None,
) -> tuple[Template, EncodingSettings]:
    """The template a chat with this model uses, and settings that fit the model.

    Args:
        max_len: None takes the usual length, or the model's context where that is less.
        prompts: None takes "chat" for chat models and "text" for base models.
        system: None takes the system message that the model was tested with, which a chat sends where nobody gives
            another; "" takes none.

    Raises:
        ValueError: the model makes embeddings, or its context is shorter than `max_len`.
    """
    if model.kind == "embed":
        raise ValueError(f"{model.name} turns texts into vectors and writes nothing: it cannot be trained on answers.")
    if max_len is not None and max_len > model.max_seq_len:
        raise ValueError(f"{max_len:,} tokens are more than the {model.max_seq_len:,} that {model.name} can read.")
    is_chat = model.kind == "chat"
    own_system = model.entry.system_prompt if is_chat and model.entry is not None else None
    settings = EncodingSettings(
        max_len=min(DEFAULT_MAX_LEN, model.max_seq_len) if max_len is None else max_len,
        supervise=supervise,
        too_long=too_long,
        prompts=prompts or ("chat" if is_chat else "text"),
        system=(own_system or "") if system is None else system,
        now=now,
    )
    own = model.chat_template if is_chat else None
    return cast(Template, own or default_template(model.tokenizer)), settings
