"""Which model an adapter was trained on, noted in the header of its tensor file, where other programs pass it over."""

from collections.abc import Mapping

from runtime.errors import AdapterError
from runtime.files import is_sha256
from runtime.loaders.catalog_store import weights_digest
from runtime.loaders.load import Model

_NAME, _SIZE, _DIGEST = "appkit.base", "appkit.base_bytes", "appkit.base_sha256"


def base_notes(model: Model) -> dict[str, str]:
    """What to note of the model that an adapter belongs to."""
    return {
        _NAME: model.name,
        _SIZE: str(model.path.stat().st_size),
        _DIGEST: weights_digest(model.path),
    }


def noted_base(notes: Mapping[str, str]) -> str | None:
    """SHA-256 of the weight file that an adapter was trained on; None where that is not noted."""
    noted = notes.get(_DIGEST, "")
    return noted if is_sha256(noted) else None


def check_base(notes: Mapping[str, str], adapter_name: str, model: Model) -> None:
    """Refuse the adapter of another weight file; one without a note, as other programs write it, passes.

    Files of different sizes are told apart without being read.

    Raises:
        AdapterError: the note names other weights than the model's.
    """
    noted = noted_base(notes)
    if noted is None:
        return
    if notes.get(_SIZE) == str(model.path.stat().st_size) and noted == weights_digest(model.path):
        return
    raise AdapterError(
        f"Adapter {adapter_name!r} was trained on {ascii(notes.get(_NAME, 'another model'))[:100]} with the weights "
        f"{noted[:12]}…; {model.name} has others. Use the model it was trained on. If this is that model stored "
        "otherwise, `appkit adapters rebind` ties the adapter to it."
    )
