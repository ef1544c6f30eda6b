"""The scale of flow: the fully relaxed signal of tissue, which is made to last until there is nothing better."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.asl.flip_angle import angle_of, shown
from perspect.asl.plan import Plan
from perspect.asl.reference import FLUID, WHITE, Reference, blood_m0
from perspect.asl.suppression import controls_of, left_in_controls
from perspect.vocabulary import Around, Calibration, Flag, Labelled, Labelling, Region, Severity, Step

TISSUE_T2STAR, TISSUE_T2 = 0.055, 0.075
"""T2* (2-D gradient echo) and T2 (3-D spin echo) of grey and white matter on average, in s at 3 T, for an M0 of another
echo time (as FSL's oxford_asl has them)."""

LEAST_LEFT: Final = 0.2
"""Share of the equilibrium signal that suppression must leave in the control images for them to stand for it: below,
small errors of T1 or of the pulses become large ones of M0."""

COMPLETE: Final = 5.0
"""s of recovery before M0 that the consensus asks for (Alsop et al. 2015)."""

FAINT: Final = 0.1
"""Of the median of the brain: M0 below it is no tissue, and flow would be noise over nothing. [our default]"""

RIM, FAINT_RIM = 8.0, 0.4
"""mm from the edge of a mask that was found, within which M0 below this share of the median is scalp, skull or mostly
air. [our defaults]"""

SOURCE: Final = "m0"
Origin = Literal["separate", "included", "stated", "control", "fluid", "white", "none"]


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """M0 of the tissue of every voxel of the brain (of blood times λ where that is known), in the unit of the series.

    `origin` none: there is no M0, the values are 1 and flow is relative. So it is where the scale of differences
    against M0 is not known; what M0 shows of tissue and of the coils still holds then.
    """

    values: Float[np.ndarray, " voxels"]
    origin: Origin
    step: Step
    flags: tuple[Flag, ...]
    is_scale_known: bool = True

    @property
    def is_absolute(self) -> bool:
        """Whether flow can be in its unit."""
        return self.origin != "none" and self.is_scale_known


def tissue_t1(around: Around, brain: Region, plan: Plan) -> Float[np.ndarray, " voxels"]:
    """T1 of tissue in s: of a map, by the shares of grey and white matter and fluid, or one for all.

    A lesion has its own where there is no map.
    """
    if around.t1 is not None:
        t1 = brain.taken(around.t1).astype(np.float64)
        return np.where(np.isfinite(t1) & (t1 > 0.1), t1, plan.tissue_t1)
    t1 = np.full(brain.n_voxels, plan.tissue_t1)
    if around.grey is not None and around.white is not None:
        grey, white = (np.clip(np.nan_to_num(brain.taken(one)), 0.0, 1.0) for one in (around.grey, around.white))
        both = grey + white
        # Rates mix as the signals of the two decay; a voxel without either keeps the T1 of grey matter.
        rate = np.where(both > 0.05, (grey / plan.tissue_t1 + white / plan.white_t1) / np.maximum(both, 0.05), 0.0)
        t1 = np.where(rate > 0, 1.0 / np.where(rate > 0, rate, 1.0), t1)
    if around.lesion is not None:
        t1[brain.taken(around.lesion.mask)] = plan.lesion_t1
    return t1


def equilibrium(
    labelled: Labelled,
    around: Around,
    brain: Region,
    control: Float[np.ndarray, "x y z"] | None,
    t1: Float[np.ndarray, " voxels"],
    plan: Plan,
) -> Equilibrium:
    """M0 from the best there is, as `plan.m0` allows. `control` is the mean control image of the shortest delay.

    Raises Problem where what was asked for is not there.
    """
    if plan.m0 == "none":
        return _nothing(brain, "was not wanted (asl.m0=none)", Severity.NOTE)
    m0 = labelled.m0
    if m0 is not None and m0.doubt and plan.m0 != "control":
        return _nothing(brain, f"{m0.name} may not be at equilibrium: {m0.doubt}", Severity.LIMITED)
    if plan.m0 in ("fluid", "white"):
        return _of_reference(labelled, around, brain, FLUID if plan.m0 == "fluid" else WHITE, plan)
    if plan.m0 == "auto" and m0 is not None:
        return _recovered(labelled, around, brain, t1, plan)
    if plan.m0 == "auto" and labelled.blood_m0 is not None:
        values = np.full(brain.n_voxels, plan.partition * labelled.blood_m0)
        sentence = f"M0 of arterial blood was {labelled.blood_m0:g} as stated."
        return Equilibrium(values, "stated", Step("m0", sentence), ())
    if control is None:
        return _nothing(brain, "there is neither an M0 image nor a control image", Severity.LIMITED)
    if labelled.labelling.flip_angles is not None:
        why = "there is no M0 image, and control images do not recover between the pulses of a Look-Locker readout"
        return _nothing(brain, why, Severity.LIMITED)
    return _of_control(labelled, around, brain, control, t1, plan)


def recovery(
    t1: Float[np.ndarray, " voxels"],
    tr: float,
    slice_times: Float[np.ndarray, " slices"] | None,
    brain: Region,
    since: Literal["slice", "volume"],
) -> Float[np.ndarray, " voxels"]:
    """Share of the equilibrium signal that has come back: 1 - exp(-time/T1)."""
    time = np.full(t1.size, tr)
    if since == "volume" and slice_times is not None:
        time -= (slice_times.max() - slice_times)[slices_of(brain)]
    return np.asarray(-np.expm1(-time / t1))


def slices_of(region: Region) -> np.ndarray:
    """The slice (third axis) of every voxel of a region."""
    return np.asarray(region.places // (region.grid.shape[0] * region.grid.shape[1]))


def _recovered(
    labelled: Labelled, around: Around, brain: Region, t1: Float[np.ndarray, " voxels"], plan: Plan
) -> Equilibrium:
    m0 = labelled.m0
    assert m0 is not None
    image, smoothing = _smoothed(m0.values, around, brain, plan)
    seen, correction, flags = _seen(labelled, brain, t1, plan)
    values = brain.taken(image).astype(np.float64) / seen
    te, te_asl = m0.te, labelled.series.acquisition.te
    if te is not None and te_asl is not None and abs(te - te_asl) > 1e-3:
        factor, flag = _of_echo_times(te, te_asl, labelled.labelling.is_spin_echo)
        values = values * factor
        correction += f", brought from TE {te * 1e3:.1f} to {te_asl * 1e3:.1f} ms (times {factor:.2f})"
        flags.append(flag)
    words = {"separate": "a scan of its own", "included": "volumes of the series", "control": "the control images"}
    sentence = f"M0 came voxel by voxel from {words[m0.kind]}, {correction}, {smoothing}."
    step = Step("m0", sentence, {"m0_tr_s": m0.tr}, ("Alsop et al. 2015, doi:10.1002/mrm.25197",))
    return Equilibrium(values, m0.kind, step, tuple(flags))


def _seen(
    labelled: Labelled, brain: Region, t1: Float[np.ndarray, " voxels"], plan: Plan
) -> tuple[Float[np.ndarray, " voxels"], str, list[Flag]]:
    """Share of the magnetisation that an M0 image shows, what that is in words, and what to say of it."""
    m0 = labelled.m0
    assert m0 is not None
    share, correction, flags = _back(m0, labelled.labelling, brain, t1, plan)
    if labelled.labelling.flip_angles is None:
        return share, correction, flags
    # Label of a Look-Locker readout is modelled as its pulses show it, so M0 is the magnetisation itself.
    angle, notes = angle_of(m0, labelled.labelling, float(np.median(t1)))
    seen = shown(share, angle)
    before = "not corrected for recovery but for" if m0.tr is None else f"corrected for a recovery of {m0.tr:g} s and"
    words = f"a flip angle of {np.rad2deg(angle):.0f} degrees (shows {np.median(seen):.1%} on the median)"
    return seen, f"{before} {words}", flags + notes


def _back(
    m0: Calibration, labelling: Labelling, brain: Region, t1: Float[np.ndarray, " voxels"], plan: Plan
) -> tuple[Float[np.ndarray, " voxels"], str, list[Flag]]:
    """Share of the magnetisation that had come back from nothing before M0, in words, and what to say of it."""
    if m0.tr is None:
        sentence = (
            "How long M0 recovered is not recorded; it is taken as fully relaxed, and flow reads too high by what it "
            "had not recovered (8 % at 3 s, 22 % at 2 s in grey matter after pulses of 90 degrees). Give "
            "RepetitionTimePreparation."
        )
        flag = Flag("m0-recovery-unknown", Severity.LIMITED, sentence, "cbf", source=SOURCE)
        return np.ones(t1.size), "not corrected for recovery", [flag]
    share = recovery(t1, m0.tr, labelling.slice_times, brain, plan.m0_recovery)
    correction = f"corrected for a recovery of {m0.tr:g} s (by {1 / np.median(share) - 1:.1%} on the median)"
    if m0.tr >= COMPLETE:
        return share, correction, []
    sentence = (
        f"M0 recovered for {m0.tr:g} s only; it was corrected with T1 of {np.median(t1):.2f} s on the median, "
        "and a voxel of another T1 is calibrated wrongly (consensus: more than 5 s)."
    )
    return share, correction, [Flag("m0-recovery-short", Severity.NOTE, sentence, "cbf", source=SOURCE)]


def _of_echo_times(te: float, te_asl: float, is_spin_echo: bool | None) -> tuple[float, Flag]:
    """What M0 of one echo time (s) is times for another, by how the echo came about, and what to say of that.

    Where that is not known, halfway between the two decays.
    """
    rates = {False: 1.0 / TISSUE_T2STAR, True: 1.0 / TISSUE_T2, None: 0.5 * (1.0 / TISSUE_T2STAR + 1.0 / TISSUE_T2)}
    factor = float(np.exp((te - te_asl) * rates[is_spin_echo]))
    seen = (
        f"M0 was read at TE {te * 1e3:.1f} ms, the labelled images at {te_asl * 1e3:.1f} ms: it was multiplied by "
        f"{factor:.2f}"
    )
    if is_spin_echo is None:
        off = abs(float(np.expm1((te - te_asl) * (rates[False] - rates[None]))))
        sentence = (
            f"{seen}. Whether the echo is a gradient echo (T2* of {TISSUE_T2STAR * 1e3:.0f} ms) or a spin echo (T2 of "
            f"{TISSUE_T2 * 1e3:.0f} ms) is not recorded: either is {off:.1%} away from that. Give MRAcquisitionType or "
            "ScanningSequence."
        )
        return factor, Flag("m0-echo-time", Severity.CAUTION, sentence, "cbf", off, SOURCE)
    kind, decay = ("T2", TISSUE_T2) if is_spin_echo else ("T2*", TISSUE_T2STAR)
    sentence = f"{seen}, for a {kind} of {decay * 1e3:.0f} ms everywhere; near air and in fluid decay is another."
    return factor, Flag("m0-echo-time", Severity.CAUTION, sentence, "cbf", source=SOURCE)


def _smoothed(
    image: Float[np.ndarray, "x y z"], around: Around, brain: Region, plan: Plan
) -> tuple[Float[np.ndarray, "x y z"], str]:
    """An image of M0 as the plan has it smoothed, and the words for that."""
    if not plan.m0_smoothing > 0:
        return image, "without smoothing"
    words = f"smoothed by {plan.m0_smoothing:g} mm (never across the edge of a lesion)"
    return smoothed(image, brain, around.lesion, plan.m0_smoothing), words


def smoothed(
    image: Float[np.ndarray, "x y z"], brain: Region, lesion: Region | None, width: float
) -> Float[np.ndarray, "x y z"]:
    """An image smoothed within the brain, lesion and rest apart: M0 rises in oedema, and must not spread from there."""
    sigma = [width / 2.3548 / size for size in image_spacing(brain)]
    inside = brain.mask & np.isfinite(image)
    parts = [inside] if lesion is None else [inside & ~lesion.mask, inside & lesion.mask]
    out = image.astype(np.float32, copy=True)
    for part in parts:
        share = ndimage.gaussian_filter(part.astype(np.float32), sigma)
        blurred = ndimage.gaussian_filter(np.where(part, image, 0).astype(np.float32), sigma)
        out[part] = (blurred / np.maximum(share, 1e-6))[part]
    return out


def image_spacing(region: Region) -> tuple[float, float, float]:
    """Edge lengths of a voxel in mm."""
    return region.grid.spacing


def _of_control(
    labelled: Labelled, around: Around, brain: Region, control: Float[np.ndarray, "x y z"],
    t1: Float[np.ndarray, " voxels"], plan: Plan,
) -> Equilibrium:  # fmt: skip
    """M0 from control images: what suppression took is put back where its pulses are known."""
    labelling, tr = labelled.labelling, labelled.tr
    why = _no_stand_in(labelled, plan)
    if why:
        return _nothing(brain, f"there is no M0 image, and {why}", Severity.LIMITED)
    if labelling.is_suppressed:
        later = np.zeros(t1.size)
        if labelling.slice_times is not None:
            later = labelling.slice_times[slices_of(brain)]
        left = np.abs(left_in_controls(labelling, later, t1, plan.inversion))
        if np.median(left) < LEAST_LEFT:
            return _nothing(
                brain, f"there is no M0 image, and suppression leaves {np.median(left):.0%} of the control images",
                Severity.LIMITED,
            )  # fmt: skip
        share, how = np.maximum(left, 0.5 * LEAST_LEFT), "with what suppression took put back from its pulse times"
    else:
        assert tr is not None
        share = recovery(t1, tr, labelling.slice_times, brain, plan.m0_recovery)
        how = f"corrected for a recovery of {tr:g} s"
    sentence = "No M0 was scanned: it is estimated from the control images, with the T1 that tissue is taken to have."
    if labelling.is_suppressed is None:
        sentence += (
            " Whether the background was suppressed is not recorded: as asl.m0=control was asked for, it is taken "
            "not to have been; else flow reads too high by all that suppression took."
        )
    flag = Flag("m0-from-control", Severity.CAUTION, sentence, "cbf", source=SOURCE)
    image, smoothing = _smoothed(control, around, brain, plan)
    values = brain.taken(image).astype(np.float64) / share
    step = Step("m0", f"M0 came from the control images, {how}, {smoothing}.")
    return Equilibrium(values, "control", step, (flag,))


def _no_stand_in(labelled: Labelled, plan: Plan) -> str:
    """Why control images cannot stand for M0; empty where they can."""
    labelling = labelled.labelling
    if labelling.is_suppressed is None and plan.m0 != "control":
        return (
            "whether control images are suppressed is not recorded (give BackgroundSuppression, or asl.m0=control if "
            "they are not)"
        )
    if labelling.is_suppressed and not labelling.inversions:
        return "the control images are suppressed by pulses of unknown times"
    if not labelling.is_suppressed and labelled.tr is None:
        return "how long control images recover is unknown"
    if labelling.is_suppressed and not np.isfinite(labelling.since_labelling()[controls_of(labelling)]).all():
        return "how long after labelling began they were read is unknown"
    return ""


def _of_reference(labelled: Labelled, around: Around, brain: Region, tissue: Reference, plan: Plan) -> Equilibrium:
    """One M0 of blood from the signal of a tissue."""
    found = blood_m0(labelled, around, tissue)
    sentence = (
        f"M0 of arterial blood, {found.value:.4g}, came from {found.n_voxels} voxels of {tissue.words} "
        f"(T1 {tissue.t1:g} s, {tissue.water:g} times the water of blood; M0 shows {found.share:.1%} of its "
        "magnetisation)."
    )
    values = np.full(brain.n_voxels, plan.partition * found.value)
    return Equilibrium(values, tissue.name, Step("m0", sentence), found.flags)


def _nothing(brain: Region, why: str, severity: Severity) -> Equilibrium:
    sentence = f"Flow is relative (its mean over the brain is 1), because M0 could not be had: {why}."
    flag = Flag("relative-flow", severity, sentence, "relcbf", source=SOURCE)
    return Equilibrium(np.ones(brain.n_voxels), "none", Step("m0", sentence), (flag,))


def is_tissue(values: Float[np.ndarray, " voxels"], brain: Region, *, is_found: bool) -> Bool[np.ndarray, " voxels"]:
    """Where M0 is that of tissue. The rim of a mask that was found, and not given, is brain where it is bright enough.

    Scalp, skull and air share the voxels there, and what moves by a tenth of a mm is divided by next to nothing.
    """
    known = values[np.isfinite(values) & (values > 0)]
    usual = float(np.median(known)) if known.size else np.inf
    least = np.full(values.size, FAINT * usual)
    if is_found:
        depth = ndimage.distance_transform_edt(np.pad(brain.mask, 1), sampling=brain.grid.spacing)[1:-1, 1:-1, 1:-1]
        least[brain.taken(depth <= RIM)] = FAINT_RIM * usual
    return np.asarray(np.isfinite(values) & (values > least))
