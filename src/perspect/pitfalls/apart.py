"""Lines of a spectroscopic map from different places: what its voxels of the lesion hold differs from line to line."""

import numpy as np

from perspect.pitfalls.displacement import APART
from perspect.pitfalls.plausible import SOLID
from perspect.pitfalls.trap import Trap
from perspect.pitfalls.voxel import VoxelMap
from perspect.vocabulary import Severity


def look(seen: VoxelMap) -> Trap | None:
    """How differently the usable voxels of the lesion hold its solid part for the lines that are compared, where it is
    known in which place each line was excited.
    """
    usable = seen.measured & (seen.solid_share >= SOLID)
    if not seen.by_line or not usable.any():
        return None
    held = {name: float(np.nanmean(share[usable])) for name, share in seen.by_line.items()}
    difference = max(held.values()) - min(held.values())
    if not difference > APART:
        return None
    listed = ", ".join(f"{share:.0%} for {name}" for name, share in held.items())
    sentence = f"Where each line was excited, the voxels of the lesion hold solid part in unlike shares: {listed}."
    return Trap("voxel-displaced", Severity.LIMITED, sentence, None, difference, ("mrs",))
