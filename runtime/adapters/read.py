"""`read_peft`: an adapter from a folder, checked against the model it is for. The folder is hostile until then."""

from pathlib import Path

from runtime.adapters.base_model import check_base as check_base_of
from runtime.adapters.folder import open_folder
from runtime.adapters.formats import format_of
from runtime.errors import AdapterError
from runtime.layers.adapter import AdapterWeights
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder


def read_peft(folder: str | Path, model: Model, *, check_base: bool = True) -> AdapterWeights:
    """The adapter in a folder that PEFT, or `write_peft`, wrote; float32 from here on.

    Args:
        model: the one it is to be used with; open.
        check_base: refuse an adapter whose file says that it was trained on other weights. Where that cannot be told,
            only names and shapes are held against the model.

    Raises:
        AdapterError: there is no adapter, it is damaged, asks for something we do not do, changes nothing, or belongs
            to another model.
        OSError: a file that may not be read.
    """
    network = model.network
    if not isinstance(network, Decoder):
        raise AdapterError(f"{model.name} makes embeddings; adapters are for models that write.")
    with open_folder(folder) as opened:
        adapter = format_of(opened).read(opened, model, network)
        if check_base:
            check_base_of(opened.tensors.metadata, opened.name, model)
    return adapter
