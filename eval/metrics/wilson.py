"""How sure a share is: the Wilson score interval of a binomial proportion.

Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
"""

import math

Z_95 = 1.959963984540054  # the normal quantile of 0.975


def wilson_interval(num_right: int, num_all: int, *, z: float = Z_95) -> tuple[float, float]:
    """The interval of shares that `num_right` of `num_all` leaves likely: 95 % with the default `z`.

    Raises:
        ValueError: there are none, or more right ones than there are.
    """
    if not 0 <= num_right <= num_all or not num_all:
        raise ValueError(f"{num_right} of {num_all} is no share.")
    share = num_right / num_all
    centre = share + z * z / (2 * num_all)
    spread = z * math.sqrt(share * (1 - share) / num_all + (z / (2 * num_all)) ** 2)
    scale = 1 + z * z / num_all
    low = (centre - spread) / scale if num_right else 0.0  # both ends are exact where none or all are right
    high = (centre + spread) / scale if num_right < num_all else 1.0
    return low, high
