"""Hot spots of a lesion, chosen and read so that noise does not make them.

What was chosen for being high is high by its noise as well: the hottest tenth of a lesion without any hot spot would
read twice its flow. So voxels are chosen by one look and read by another, whose noise is independent: with noise w as
large as that of the map, f + w and f - w are two such looks (data fission), as odd and even pairs would be. The mean
over many w is the flow of what looks hot, and no more than the flow of what is.

Leiner et al. 2023, doi:10.1080/01621459.2023.2270748
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.vocabulary import Region

CLUSTER: Final = 5
"""Voxels that must hang together to count as a maximum: one alone is noise or a vessel."""

HOT: Final = 90.0
"""Percentile from which on voxels of a lesion are hot."""

LOOKS: Final = 50
"""Of noise, each with both signs: they leave a tenth of the standard error to chance."""


@dataclass(frozen=True)
class HotSpots:
    """Mean flow of the hot voxels in 1/s with its standard error, and how many there are in a look on the mean."""

    flow: float
    std: float
    n_voxels: int


def hot_spots(
    flow: Float[np.ndarray, " voxels"],
    std: Float[np.ndarray, " voxels"],
    inside: Bool[np.ndarray, " voxels"],
    brain: Region,
    rng: np.random.Generator,
) -> HotSpots | None:
    """What looks hot, read independently; None where most looks have no five hot voxels that hang together."""
    box = _Box.around(brain.spread(inside, False))
    seen, noise = flow[inside][box.order], std[inside][box.order]
    means, errors, sizes = [], [], []
    for one in rng.normal(size=(LOOKS, seen.size)) * noise:
        # With both signs, so that what is hot beyond any noise is read without that of the looks.
        for w in (one, -one):
            hot = box.hot(seen + w)
            if hot.any():
                means.append(float((seen - w)[hot].mean()))
                errors.append(float((noise[hot] ** 2).sum() / hot.sum() ** 2))
                sizes.append(int(hot.sum()))
    if len(means) < LOOKS:
        return None
    # Of two independent looks at half of the data each, less what the mean over all looks takes away; the least is
    # that of all data.
    variance = max(2.0 * float(np.mean(errors)) - float(np.var(means)), float(np.mean(errors)))
    return HotSpots(float(np.mean(means)), float(np.sqrt(variance)), round(float(np.mean(sizes))))


@dataclass(frozen=True, eq=False)
class _Box:
    """The part of the image that holds a lesion, where its voxels lie in it, and their order there."""

    mask: Bool[np.ndarray, "x y z"]
    order: np.ndarray

    @staticmethod
    def around(mask: Bool[np.ndarray, "x y z"]) -> "_Box":
        """Of a mask that holds something; `order` takes voxels in the order of a Region to that of the box."""
        cut = tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(mask))
        numbered = np.full(mask.shape, -1)
        numbered.T[mask.T] = np.arange(int(mask.sum()))
        return _Box(mask[cut], numbered[cut][mask[cut]])

    def hot(self, values: Float[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
        """Voxels above the 90th percentile that hang together, five or more."""
        above = np.zeros(self.mask.shape, bool)
        above[self.mask] = values >= np.percentile(values, HOT)
        label, n = ndimage.label(above, np.ones((3, 3, 3)))
        sizes = np.bincount(label.ravel(), minlength=n + 1)
        sizes[0] = 0
        return np.asarray((sizes >= CLUSTER)[label][self.mask])
