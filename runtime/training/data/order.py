"""Orders drawn by a seed: the same on every machine, with every version of every library."""

import hashlib


def shuffled_order(count: int, seed: int, *purpose: object) -> list[int]:
    """0 … count − 1 in an order that depends on `seed`, `purpose` and `count` alone.

    Sorted by a hash of (seed, purpose, index): no generator whose stream may change with a library's version, and
    different purposes (an epoch, a split) draw independent orders.
    """
    prefix = repr((seed, *purpose)).encode()
    return sorted(range(count), key=lambda i: hashlib.sha256(prefix + b"%d" % i).digest())
