"""Whether two runs of a room differ."""

from itertools import product

import numpy as np

from perspect.vocabulary import Measured


def differ(one: Measured | None, other: Measured | None, parts: tuple[str, ...] = ("values", "std")) -> bool:
    """Whether two runs have other maps, or other `parts` of them; refused (None) is another answer than any."""
    if one is None or other is None:
        return (one is None) != (other is None)
    return set(one.maps) != set(other.maps) or any(
        not np.array_equal(getattr(one.maps[key], part), getattr(other.maps[key], part), equal_nan=True)
        for key, part in product(one.maps, parts)
    )
