"""Every voxel of an image by its own water: coils cancel, fluid is left out, tissue is what a voxel has seen."""

from dataclasses import replace

import numpy as np
import pytest

from mrs_made import DWELL, FREQUENCY, HEALTHY, N, basis, spectrum, water
from perspect import mrs
from perspect.mrs.edge import displacement, steepness
from perspect.mrs.kspace import PointSpread
from perspect.mrs.scale import Timing, water_factor, water_scale, water_seen
from perspect.mrs.watermap import grid_scale, unlike
from perspect.vocabulary import Grid, Problem, Region, Spectra, Status

SHAPE = (12, 12, 1)
TIMING = Timing(0.030, 2.0, 3.0)
PLAIN = PointSpread(SHAPE, "none")


def waters(amplitudes, te=0.030):
    """An image of water of these amplitudes, with a little noise."""
    rng, t = np.random.default_rng(0), np.arange(256) * DWELL
    noise = 10.0 * (rng.normal(size=(*SHAPE, 256)) + 1j * rng.normal(size=(*SHAPE, 256)))
    values = amplitudes[..., None] * np.exp(-20 * t) + noise
    return Spectra(values, DWELL, FREQUENCY, Grid(SHAPE, np.eye(4)), te=te, tr=2.0, name="water")


def alone(kind):
    return {kind: np.ones(SHAPE)}


def scale_of(image, shares, spread=PLAIN, unit="mmol/kg"):
    return grid_scale(image, np.ones(SHAPE, bool), shares, spread, TIMING, unit)


def test_the_scale_of_a_voxel_is_that_of_a_single_voxel_with_its_water_and_tissue():
    whole = scale_of(waters(np.full(SHAPE, 5e4)), alone("white"))
    single = water_scale(5e4, 0.0, TIMING, {"white": 1.0})
    np.testing.assert_allclose(whole.factor, single.factor, rtol=2e-3)
    np.testing.assert_allclose(whole.spread, single.spread, atol=3e-3)


def test_a_coil_cancels():
    """Spectra and water weakened alike from one side to the other: amounts are the same; amplitudes (the wrong variant)
    follow the coil.
    """
    place = Grid((3, 2, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    coil = np.array([1.0, 0.8, 0.6, 0.5, 0.4, 0.35]).reshape(3, 2, 1)
    one = spectrum(HEALTHY, 0, shift=0.0, phase=0.0).values[0, 0, 0]
    made = Spectra(one * coil[..., None], DWELL, FREQUENCY, place, te=0.030, tr=2.0)
    reference = replace(made, values=water().values[0, 0, 0] * coil[..., None])
    mask = Region(np.ones((3, 2, 1), bool), place, "all")
    plans = (mrs.Plan(), mrs.Plan(reference="none"))
    scaled, plain = (mrs.quantify_grid(made, basis(), plan, water=reference, mask=mask).maps["tNAA"] for plan in plans)
    assert scaled.quantity.unit == "mmol/kg" and plain.quantity.unit == "a.u."
    np.testing.assert_allclose(scaled.values / scaled.values[0, 0, 0], 1.0, atol=0.1)
    np.testing.assert_allclose(plain.values / plain.values[0, 0, 0], coil, atol=0.1)
    assert (scaled.std / scaled.values > plain.std / plain.values).all()


def test_relative_amounts_of_the_reference_itself_are_one_and_have_no_scale():
    place = Grid((3, 2, 1), np.eye(4))
    one = np.array([spectrum(HEALTHY, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(6)]).reshape(3, 2, 1, N)
    made = Spectra(one, DWELL, FREQUENCY, place, te=0.030, tr=2.0)
    found = mrs.quantify_grid(
        made, basis(), mrs.Plan(reference="tcr"), mask=Region(np.ones((3, 2, 1), bool), place, "a")
    )
    np.testing.assert_allclose(found.maps["tCr"].values, 1.0, rtol=1e-6)
    assert found.maps["tNAA"].quantity.unit == "per tCr" and 1.0 < found.maps["tNAA"].values[0, 0, 0] < 2.5


def test_half_fluid_doubles_what_is_said_of_tissue_and_fluid_alone_has_no_amount():
    half = {"grey": np.full(SHAPE, 0.97), "csf": np.full(SHAPE, 0.78)}
    still = Timing(None, None, 3.0)
    image = waters(np.full(SHAPE, 5e4))
    pure, mixed = (
        grid_scale(image, np.ones(SHAPE, bool), one, PLAIN, still, "mmol/kg") for one in (alone("grey"), half)
    )
    np.testing.assert_allclose(mixed.factor, 2 * pure.factor, rtol=1e-6)
    fluid = scale_of(image, alone("csf"))
    assert np.isnan(fluid.factor).all() and fluid.reasons["fluid"].all()


def test_molar_amounts_are_molal_ones_times_the_water_of_tissue():
    image = waters(np.full(SHAPE, 5e4))
    per_kg, per_litre = (scale_of(image, alone("grey"), unit=unit) for unit in ("mmol/kg", "mmol/L"))
    np.testing.assert_allclose(per_litre.factor, 0.78 * per_kg.factor)


def ventricles():
    """Shares at a quarter of a voxel: bright fluid in the middle of white matter."""
    x, y = np.meshgrid(*(np.arange(48),) * 2, indexing="ij")
    fluid = ((abs(x - 20) < 4) & (abs(y - 24) < 9)) | ((abs(x - 32) < 3) & (abs(y - 30) < 7))
    return {"white": (~fluid[..., None]).astype(float), "csf": fluid[..., None].astype(float)}


@pytest.mark.parametrize("window", ["none", "hamming"])
def test_tissue_is_seen_through_the_point_spread_that_water_speaks_for(window):
    """Whatever the scanner put over k-space, amounts of tissue beside fluid are those of tissue; taken for boxes (the
    wrong variant) they are not.
    """
    shares = ventricles()
    seen = {kind: PointSpread(SHAPE, window).seen(one) for kind, one in shares.items()}
    bright = 1e5 * sum(seen.values()) * water_seen(seen, TIMING)
    found = scale_of(waters(bright), shares)
    # Tissue of one content: amplitudes follow the white matter that is seen.
    amounts = found.factor * seen["white"]
    known = np.isfinite(found.factor) & (seen["white"] > 0.3)
    assert np.std(amounts[known]) < 0.02 * np.mean(amounts[known])
    boxes = {kind: one.reshape(12, 4, 12, 4, 1).mean(axis=(1, 3)) for kind, one in shares.items()}
    factor, _ = water_factor(boxes, TIMING, "mmol/kg")
    plain = (factor / bright * seen["white"])[known]
    assert np.nanstd(plain) > 4 * np.std(amounts[known])
    word = {"none": "no window", "hamming": "a Hamming window"}[window]
    assert f"that with {word}" in found.sentence and "not clearly" not in found.sentence


def test_water_that_beats_with_fat_is_no_scale():
    image = waters(np.full(SHAPE, 5e4))
    t = np.arange(256) * DWELL
    image.values[3, 4, 0] += 2e4 * np.exp(2j * np.pi * 3.35 * FREQUENCY * 1e-6 * t - 60 * t)
    image.values[5, 5, 0] -= 5e4 * np.exp(-20 * t)
    found = scale_of(image, None)
    where = found.reasons["water is not one line (fat, or none)"]
    assert where[3, 4, 0] and where[5, 5, 0] and where.sum() == 2
    assert found.reason((3, 4, 0)) and not found.reason((0, 0, 0))


def test_water_unlike_its_surroundings_widens_the_error_and_much_unlike_is_none():
    """At the edge of the box that pulses select there is less of it; a coil's slope is no edge."""
    amplitude = np.full(SHAPE, 5e4) * np.linspace(1.0, 0.6, 12)[None, :, None]
    amplitude[0] *= 0.75
    amplitude[6, 6] *= 0.4
    found = scale_of(waters(amplitude), None)
    inside = found.spread[2:5, 2:10]
    assert (found.spread[0, 2:10] > inside.max() + 0.05).all()
    assert np.isnan(found.factor[6, 6, 0]) and np.isfinite(found.factor).sum() == found.factor.size - 1
    assert np.nanmax(unlike(amplitude)[2:5]) < 0.1


def test_what_nobody_segmented_is_less_certain_and_more_so_at_a_long_echo_time():
    known, unknown = (water_factor(one, TIMING, "mmol/kg")[1] for one in ({"white": 1.0}, None))
    late = water_factor(None, Timing(0.144, 2.0, 3.0), "mmol/kg")[1]
    assert known < unknown < 0.5 * late


@pytest.mark.parametrize("te", [0.030, 0.144])
def test_the_stated_error_of_a_scale_is_its_scatter_where_all_that_it_rests_on_is_off(te):
    """Contents, relaxation and shares drawn from what is allowed to them."""
    rng, n = np.random.default_rng(3), 4000
    timing = Timing(te, 2.0, 3.0)
    shares = {"grey": 0.4, "white": 0.4, "csf": 0.2}
    _, spread = water_factor(shares, timing, "mmol/kg")
    content = {"grey": (0.78, 0.03), "white": (0.65, 0.04), "csf": (0.97, 0.01)}
    drawn, seen, tissue = rng.normal(0, 0.05, (3, n)), 0.0, 0.0
    for k, (kind, share) in enumerate(shares.items()):
        left, of_left = timing.left(kind)
        held = (
            content[kind][0] * np.exp(content[kind][1] * rng.normal(size=n)) * (share + drawn[k] - drawn.mean(axis=0))
        )
        seen = seen + held * left * np.exp(of_left * rng.normal(size=n))
        tissue = tissue + (held if kind != "csf" else 0.0)
    of_molecule = timing.left("molecule")[1] * rng.normal(size=n)
    scatter = np.std(np.log(seen / tissue) + of_molecule)
    assert float(spread) == pytest.approx(scatter, rel=0.1)


def test_maps_of_tissue_that_do_not_belong_together_are_refused():
    with pytest.raises(Problem, match="maps of tissue"):
        scale_of(waters(np.full(SHAPE, 5e4)), {"grey": np.ones(SHAPE), "white": np.ones((24, 24, 1))})
    with pytest.raises(Problem, match="maps of tissue"):
        scale_of(waters(np.full(SHAPE, 5e4)), {"bone": np.ones(SHAPE)})


def test_a_voxel_without_a_scale_keeps_its_ratio():
    place = Grid((3, 2, 1), np.eye(4))
    one = np.array([spectrum(HEALTHY, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(6)]).reshape(3, 2, 1, N)
    made = Spectra(one, DWELL, FREQUENCY, place, te=0.030, tr=2.0)
    reference = replace(made, values=np.broadcast_to(water().values[0, 0, 0], (3, 2, 1, N)).copy())
    t = np.arange(N) * DWELL
    reference.values[0, 0, 0] += 2e4 * np.exp(2j * np.pi * 3.35 * FREQUENCY * 1e-6 * t - 60 * t)
    found = mrs.quantify_grid(made, basis(), water=reference, mask=Region(np.ones((3, 2, 1), bool), place, "all"))
    assert np.isnan(found.maps["tNAA"].values[0, 0, 0])
    assert found.maps["tNAA"].status[0, 0, 0] == Status.NOT_DETERMINED
    assert np.isfinite(found.maps["tChoOvertNAA"].values).all()
    assert found.summary["usable"] == 6 and found.summary["scaled"] == 5
    assert any(flag.code == "unscaled-voxels" for flag in found.flags)
    assert found.regions["no amounts: water is not one line (fat, or none)"].n_voxels == 1


def box(centre, half=3.5):
    """How much of each voxel lies in a box, along both directions of the image."""
    at = np.arange(SHAPE[0])
    along = [np.clip(half + 0.5 - np.abs(at - one), 0.0, 1.0) for one in centre]
    return np.multiply.outer(*along)[..., None]


def test_where_water_was_selected_beside_the_molecules_the_error_is_how_far_amounts_lie_apart_there():
    """Water a voxel farther than what is measured by it; where both are of one place it adds little."""
    rng, still, moved = np.random.default_rng(1), box((5.5, 5.5)), box((6.5, 5.5))
    brain = moved > 0.3
    for water_there, least, most in ((moved, 0.5, 1.5), (still, 0.0, 0.2)):
        sizes = 1e5 * np.maximum(still, 0.02) * np.exp(0.05 * rng.normal(size=SHAPE))
        image = waters(5e4 * np.maximum(water_there, 0.02))
        with_sizes, without = (
            grid_scale(image, brain, alone("white"), PLAIN, TIMING, "mmol/kg", one) for one in (sizes, None)
        )
        scaled = np.isfinite(with_sizes.factor)
        amounts = sizes * with_sizes.factor
        assert least <= displacement(amounts, steepness(water_there, 1.0)) < most
        added = np.sqrt(with_sizes.spread**2 - without.spread**2)
        middle = (slice(5, 7), slice(5, 7))
        assert added[middle].max() < 0.02
        off = np.abs(np.log(amounts / np.median(amounts[middle])))
        at_rim = scaled & (water_there < 0.99)
        if at_rim.any():
            assert np.sqrt(np.mean(with_sizes.spread[at_rim] ** 2)) > 0.8 * min(np.sqrt(np.mean(off[at_rim] ** 2)), 1.0)


def test_a_coil_that_weakens_both_alike_adds_no_error():
    coil = np.exp(-np.arange(SHAPE[0]) / 4.0)[:, None, None] * np.ones(SHAPE)
    sizes = 1e5 * coil * np.exp(0.05 * np.random.default_rng(2).normal(size=SHAPE))
    image, everywhere = waters(5e5 * coil), np.ones(SHAPE, bool)
    given = (image, everywhere, alone("white"), PLAIN, TIMING, "mmol/kg")
    ours, plain = grid_scale(*given, sizes), grid_scale(*given)
    np.testing.assert_allclose(ours.spread, plain.spread, rtol=0.05)


def test_without_tissue_a_voxel_that_lacks_water_on_one_side_has_no_amount_and_a_cropped_image_keeps_its_own():
    inside = np.zeros(SHAPE)
    inside[3:9, 3:9] = 5e4
    scale = grid_scale(waters(inside + 1.0), inside > 0, None, PLAIN, TIMING, "mmol/kg")
    assert int(scale.reasons["at the edge of the water"].sum()) == 36 - 16
    # What a wrong scale hardly changes is known there all the same.
    assert np.isfinite(scale.everywhere.factor).all()
    whole = grid_scale(waters(np.full(SHAPE, 5e4)), np.ones(SHAPE, bool), None, PLAIN, TIMING, "mmol/kg")
    assert np.isfinite(whole.factor).all()
