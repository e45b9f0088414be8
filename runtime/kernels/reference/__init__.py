"""The ops in torch, written to be read: this is what every other backend must agree with.

Everything but `write_kv` is differentiable. Importing this package imports torch; `registry.get_backend` says which
extra brings it.
"""

from runtime.kernels.reference.backend import ReferenceBackend

__all__ = ["ReferenceBackend"]
