import csv
import io
import tarfile

import numpy as np
import pytest

import made_dce as made
from perspect.dce.concentration import concentration
from perspect.vocabulary import Status

REST = slice(0, 13)


def turned(signal, t1, **more):
    return concentration(signal, REST, t1, made.TR, made.ANGLE, made.R1, **more)


def test_concentration_undoes_the_signal_equation():
    _, t1, b1, c = made.tissue(50)
    found = turned(made.signal(c, t1, b1), t1, b1=b1)
    np.testing.assert_allclose(found.curves, c, atol=1e-9)
    assert (found.status == Status.OK).all()


def test_a_flip_angle_that_is_ignored_makes_concentrations_wrong():
    _, t1, b1, c = made.tissue(200)
    error = np.abs(turned(made.signal(c, t1, b1), t1).curves[:, -1] / c[:, -1] - 1.0)
    assert np.median(error) > 0.04


def test_the_loss_by_t2star_is_made_good():
    _, t1, _, c = made.tissue(50)
    lost = made.signal(c, t1) * np.exp(-0.004 * 25.0 * c)
    found = turned(lost, t1, te=0.004, r2star=25.0)
    np.testing.assert_allclose(found.curves, c, rtol=2e-4, atol=1e-6)
    assert np.abs(turned(lost, t1).curves[:, 20:] / c[:, 20:] - 1.0).max() > 0.1


def test_noise_below_zero_stays_below_zero_so_that_the_mean_is_not_lifted():
    t1 = np.full(2000, 1.4)
    quiet = made.signal(np.zeros((2000, made.TIMES.size)), t1)
    noisy = quiet + np.random.default_rng(0).normal(0.0, 0.01 * quiet.mean(), quiet.shape)
    found = turned(noisy, t1)
    late = found.curves[:, 20:]
    assert (late < 0).mean() > 0.4
    assert abs(late.mean()) < 0.03 * late.std()
    assert np.maximum(late, 0.0).mean() > 0.3 * late.std()  # what clipping would make of nothing


def test_a_signal_that_no_concentration_gives_is_nan_as_a_whole_with_its_reason():
    _, t1, _, c = made.tissue(3)
    signal = made.signal(c, t1)
    signal[1, 40] = 1e5
    found = turned(signal, t1)
    assert found.status.tolist() == [Status.OK, Status.OUT_OF_RANGE, Status.OK]
    assert np.isnan(found.curves[1]).all() and np.isfinite(found.curves[[0, 2]]).all()


def test_no_signal_no_t1_and_no_number_are_told_apart():
    _, t1, _, c = made.tissue(3)
    signal, t1 = made.signal(c, t1), t1.copy()
    signal[0, REST], signal[1, 5], t1[2] = 0.0, np.nan, np.nan
    assert turned(signal, t1).status.tolist() == [Status.NO_SIGNAL, Status.NOT_FINITE, Status.NOT_DETERMINED]


@pytest.mark.parametrize("loss", [{"te": 0.0, "r2star": 0.0}, {"te": 0.004, "r2star": 100.0}])
def test_the_effect_of_an_error_of_t1_is_its_effect(loss):
    _, t1, _, c = made.tissue(20)
    c = 0.4 * c  # the loss by T2* is then a third of the gain by T1, and still far from the summit of the signal
    signal = made.signal(c, t1) * np.exp(-loss["te"] * loss["r2star"] * c)
    found, other = turned(signal, t1, **loss), turned(signal, 1.02 * t1, **loss)
    after = slice(REST.stop, None)
    change = other.curves[:, after].mean(axis=1) / found.curves[:, after].mean(axis=1) - 1.0
    np.testing.assert_allclose(found.t1_slope * 0.02, change, rtol=0.08)


def test_the_rows_of_osipi_are_met(shared_data):
    with tarfile.open(shared_data / "dsc-dce" / "osipi_codecollection.tar.xz") as archive:
        member = archive.extractfile("osipi_codecollection/SI2Conc_data.csv")
        rows = list(csv.DictReader(io.StringIO(member.read().decode("utf-8-sig"))))
    assert rows
    for row in rows:
        s, expected = (np.array([float(one) for one in row[key].split()]) for key in ("s", "conc"))
        rest = slice(1, int(row["numbaselinepts"]))
        found = concentration(
            s[None],
            rest,
            np.array([float(row["T1base"])]),
            float(row["TR"]),
            np.deg2rad(float(row["FA"])),
            float(row["r1"]),
        )
        np.testing.assert_allclose(found.curves[0], expected, rtol=1e-5, atol=1e-5)
