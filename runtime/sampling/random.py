"""Random numbers that depend on a seed and a position alone: no state, so any token can be drawn again.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC11) turns a 64-bit key and a 128-bit
counter into four 32-bit words. Here the key is the request's seed (low word first) and the counter is
(position low, position high, 0, 0), where position counts the tokens of prompt and completion before the one drawn.
The first 53 bits of word 0 then word 1 make one number in [0, 1). A native sampler that follows these lines draws the
same tokens.
"""

_ROUNDS = 10
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) − 1, as 32-bit fractions
_WORD = 0xFFFFFFFF


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1), the same on every machine.

    Args:
        seed: 0 ≤ seed < 2^64.
        position: index in the sequence of the token to draw, 0 ≤ position < 2^64.
    """
    first, second, _, _ = philox4x32((position & _WORD, position >> 32, 0, 0), (seed & _WORD, seed >> 32))
    return float((first << 32 | second) >> 11) * 2.0**-53


def philox4x32(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """The four 32-bit words that Philox4x32-10 gives for a counter of four words and a key of two."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        product0, product1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = product1 >> 32 ^ c1 ^ k0, product1 & _WORD, product0 >> 32 ^ c3 ^ k1, product0 & _WORD
        k0, k1 = k0 + _KEY_STEPS[0] & _WORD, k1 + _KEY_STEPS[1] & _WORD
    return c0, c1, c2, c3
