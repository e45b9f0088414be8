"""The 12 bytes in which Q4_K and Q5_K keep eight 6-bit scales and eight 6-bit minimums.

byte 0–3    scales 0–3 in bits 0–5; the high two bits of scales 4–7 in bits 6–7
byte 4–7    minimums 0–3 and the high two bits of minimums 4–7, alike
byte 8–11   the low four bits of scales 4–7 in the low nibbles, of minimums 4–7 in the high
"""

import numpy as np

from runtime.quant.format import Bytes

_SIX_BITS = np.uint8(0x3F)
_FOUR_BITS = np.uint8(0x0F)
_TWO_HIGH_BITS = np.uint8(0x30)  # bits 4 and 5 of a 6-bit value


def unpack_scales(packed: Bytes) -> tuple[Bytes, Bytes]:
    """[n, 12] bytes → scales [n, 8] and minimums [n, 8], uint8 from 0 to 63."""
    first, second, low = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = [first & _SIX_BITS, (low & _FOUR_BITS) | ((first >> np.uint8(2)) & _TWO_HIGH_BITS)]
    minimums = [second & _SIX_BITS, (low >> np.uint8(4)) | ((second >> np.uint8(2)) & _TWO_HIGH_BITS)]
    return np.concatenate(scales, axis=1), np.concatenate(minimums, axis=1)


def pack_scales(scales: Bytes, minimums: Bytes) -> Bytes:
    """Undo `unpack_scales`: two uint8 [n, 8], values below 64 → [n, 12] bytes."""
    first = scales[:, :4] | ((scales[:, 4:] & _TWO_HIGH_BITS) << np.uint8(2))
    second = minimums[:, :4] | ((minimums[:, 4:] & _TWO_HIGH_BITS) << np.uint8(2))
    low = (scales[:, 4:] & _FOUR_BITS) | ((minimums[:, 4:] & _FOUR_BITS) << np.uint8(4))
    return np.concatenate([first, second, low], axis=1)
