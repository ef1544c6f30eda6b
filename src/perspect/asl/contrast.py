"""The contrast that label makes: differences of control and label, in their order, their scale and their units."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from perspect.asl.audit import Audited, audited
from perspect.asl.blood import blood_t1
from perspect.asl.bolus import Told, is_uncut, plain_means, told_by
from perspect.asl.echoes import Combined
from perspect.asl.efficiency import Efficiency, efficiency
from perspect.asl.kinetics import Setting
from perspect.asl.m0 import Equilibrium, slices_of
from perspect.asl.motion import Aligned
from perspect.asl.plan import Plan
from perspect.asl.readouts import train
from perspect.asl.row_order import RowOrder, row_order
from perspect.asl.samples import Differences, differences
from perspect.asl.static import Static
from perspect.asl.transit import usual_att
from perspect.vocabulary import Flag, Labelled, Labelling, Region, Step


@dataclass(frozen=True, eq=False)
class Contrast:
    """Differences of every voxel of the brain as they are to be read, what was found of them (`audited`), what their
    model takes (`setting`), and M0, whose scale they bear out or not.

    `later` is when a voxel's slice is read after the first, in s; `t1` that with which label decays (None: that of
    blood). `told` is the end of the bolus that the data tell, `rows` whether encodings are in the order stated.
    """

    differences: Differences
    audited: Audited
    setting: Setting
    equilibrium: Equilibrium
    efficiency: Efficiency
    later: Float[np.ndarray, " voxels"]
    t1: Float[np.ndarray, " voxels"] | None
    told: Told | None
    rows: RowOrder | None
    blood_step: Step
    blood_flags: tuple[Flag, ...]


def contrast(labelled: Labelled, echoes: Combined, moved: Aligned, still: Static, plan: Plan) -> Contrast:
    """The differences of an aligned series. Raises Problem where there are none, Refusal where nothing was labelled."""
    lasting, blood_step, blood_flags = blood_t1(plan, labelled.field)
    inverted = efficiency(still.labelling, plan)
    usual = Setting(still.labelling.kind, inverted.total, lasting, plan.partition)
    found, setting, rows = taken(echoes, moved, still, usual, plan)
    later, t1 = slice_delays(still.labelling, still.brain), kinetic_t1(still.t1, plan)
    relaxed, told = still.equilibrium, None
    if is_uncut(labelled.labelling).any() and plan.bolus is None:
        told = told_by(plain_means(found, later, t1), setting, still.tissue)
        relaxed = doubted(relaxed, is_known=told is not None)
        found = found if told is None else replace(found, durations=np.full(found.n_samples, told.duration))
    checked = checked_in_tissue(found, setting, relaxed, still, plan)
    relaxed = doubted(relaxed, is_known=checked.is_scale_known)
    turned = -1.0 if is_turned(checked.differences, found, still) else 1.0
    return Contrast(
        differences=found.times(1.0 / checked.factor).times(turned), audited=checked, setting=setting,
        equilibrium=relaxed, efficiency=inverted, later=later, t1=t1, told=told, rows=rows,
        blood_step=blood_step, blood_flags=blood_flags,
    )  # fmt: skip


def taken(
    echoes: Combined, moved: Aligned, still: Static, usual: Setting, plan: Plan
) -> tuple[Differences, Setting, RowOrder | None]:
    """The differences as they are stored, the setting with the readouts of their delays, and the order of encodings."""
    labelling = still.labelling
    curves = moved.series.curves(still.brain.mask)
    found = echoes.undone(differences(labelling, curves, moved.usable, plan.subtraction))
    setting = replace(usual, train=train(labelling, found.delays))
    return found, setting, row_order(labelling, curves[still.tissue], moved.usable, setting)


def checked_in_tissue(found: Differences, setting: Setting, relaxed: Equilibrium, still: Static, plan: Plan) -> Audited:
    """Order and scale of the differences, judged in tissue by what usual flow would make of them."""
    tissue, brain = still.tissue, still.brain
    usual = setting.model(found.delays, found.durations, None).atoms(np.array([usual_att(found, still.labelling.kind)]))
    where = Region(brain.spread(tissue, False), brain.grid, "tissue")
    return audited(
        replace(found, values=found.values[tissue]), relaxed.values[tissue], still.level[tissue], relaxed.is_absolute,
        float(usual.mean()), still.labelling, plan, where,
    )  # fmt: skip


def slice_delays(labelling: Labelling, brain: Region) -> Float[np.ndarray, " voxels"]:
    """When the slice of each voxel is read after the first, in s."""
    if labelling.slice_times is None:
        return np.zeros(brain.n_voxels)
    later: Float[np.ndarray, " voxels"] = (labelling.slice_times - labelling.slice_times.min())[slices_of(brain)]
    return later


def kinetic_t1(t1: Float[np.ndarray, " voxels"], plan: Plan) -> Float[np.ndarray, " voxels"] | None:
    """T1 of tissue in s with which label decays; None is that of blood."""
    if plan.kinetics == "blood":
        return None
    return np.full(t1.size, plan.tissue_t1) if plan.kinetics == "t1app" else t1


def doubted(relaxed: Equilibrium, *, is_known: bool) -> Equilibrium:
    """The same, whose scale is known only where this is known too."""
    return replace(relaxed, is_scale_known=relaxed.is_scale_known and is_known)


def is_turned(checked: Differences, found: Differences, still: Static) -> bool:
    """Whether the audit turned label and control about."""
    return bool((checked.values * found.values[still.tissue]).sum() < 0)
