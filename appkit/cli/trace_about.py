"""What a trace says first: the model to the byte and the versions in use, so that a run can be done again."""

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appkit.llm.base import LanguageModel

_PACKAGES = ("appkit-llm", "numpy", "llguidance", "tokenizers", "tiktoken", "jinja2")


def trace_about(spec: str, model: "LanguageModel") -> dict[str, Any]:
    """The model that `spec` named, its adapter and what it runs on: plain values.

    An address, which may hold a secret, is not one.

    The digest is the one the catalog keeps of a stored model; a file given by path has its size instead, as reading
    gigabytes for a digest is not for the beginning of a run.
    """
    about: dict[str, Any] = {"model": {"name": model.name}, "packages": _versions()}
    if spec.startswith(("openai:", "scripted:")):
        return about
    from appkit.llm.local import LocalModel
    from runtime import get_backend, installed, resolve, weight_path

    path = resolve(spec)
    about["model"] |= {"file": path.name, "size_bytes": path.stat().st_size}
    if stored := [manifest for manifest in installed() if weight_path(manifest) == path]:
        about["model"]["sha256"] = stored[0].sha256
    if isinstance(model, LocalModel) and model.adapter is not None:
        about["adapter"] = {"name": model.adapter.name, "digest": model.adapter.digest}
    facts = get_backend("cpu").describe()
    about["runtime"] = {"backend": facts["backend"], "instruction_set": facts["instruction_sets"][0]}
    return about


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # what is not installed did not run
    return found
