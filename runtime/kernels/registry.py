"""Which backends there are, and which of them work here.

A backend is imported when it is first asked for: `reference` brings torch with it, `cpu` the compiled extension.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import cast

from runtime.errors import KernelUnavailableError
from runtime.kernels.ops import Backend


def get_backend(name: str, num_threads: int | None = None) -> Backend:
    """A new backend.

    Args:
        name: "cpu" or "reference".
        num_threads: threads of the `cpu` backend's own pool; None for what this process may use. The `reference`
            backend computes on torch's threads and leaves them as they are.

    Raises:
        ValueError: an unknown name, or a thread count below 1.
        KernelUnavailableError: the backend is known, but what it stands on is not installed.
    """
    if name not in _BUILDERS:
        raise ValueError(f"There is no backend {name!r}; known are {', '.join(_BUILDERS)}.")
    if num_threads is not None and num_threads < 1:
        raise ValueError(f"num_threads is {num_threads}; it must be 1 or more.")
    return _BUILDERS[name](num_threads)


def available_backends(op: str) -> list[str]:
    """Names of the backends that serve `op` on this machine, without importing them.

    Raises:
        ValueError: the contract has no such op.
    """
    ops = [name for name in vars(Backend) if not name.startswith("_")]
    if op not in ops:
        raise ValueError(f"There is no op {op!r}; the contract has {', '.join(ops)}.")
    return [name for name, module in _STANDS_ON.items() if _is_installed(module)]


def _build_cpu(num_threads: int | None) -> Backend:
    try:
        from runtime.kernels.cpu.backend import CpuBackend
    except ImportError as error:
        raise KernelUnavailableError(
            f"The compiled kernels cannot be loaded ({error}). Install the package again with a C++ compiler at hand: "
            "pip install --force-reinstall appkit-llm",
            op="any",
            backend="cpu",
        ) from error
    return cast(Backend, CpuBackend(num_threads))  # it takes only the weights and pools that it made


def _build_reference(num_threads: int | None) -> Backend:
    if not _is_installed("torch"):
        raise KernelUnavailableError(
            "The reference backend computes with torch, which is not installed. "
            "Install it with: pip install 'appkit-llm[torch]'",
            op="any",
            backend="reference",
        )
    from runtime.kernels.reference.backend import ReferenceBackend

    return cast(Backend, ReferenceBackend())


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None


_BUILDERS: dict[str, Callable[[int | None], Backend]] = {"cpu": _build_cpu, "reference": _build_reference}
_STANDS_ON = {"cpu": "runtime.kernels.cpu._cpu", "reference": "torch"}
