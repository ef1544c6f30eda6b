"""Population inputs against the tables that were published, and that blood is not plasma."""

import csv
import io
import tarfile

import numpy as np
import pytest

from perspect.models.arterial import POPULATIONS, Georgiou, InBlood, McGrath, Orton, Parker


@pytest.fixture(scope="module")
def tables(shared_data):
    with tarfile.open(shared_data / "dsc-dce" / "osipi_codecollection.tar.xz") as archive:
        return {
            member.name.split("/")[-1]: list(
                csv.DictReader(io.StringIO(archive.extractfile(member).read().decode("utf-8-sig")))
            )
            for member in archive.getmembers()
            if member.name.endswith("_ref.csv")
        }


def curve(rows):
    first = rows[0]["label"]
    some = [row for row in rows if row["label"] == first]
    return np.array([float(row["time"]) for row in some]), np.array([float(row["Cb"]) for row in some])


def test_parker_is_its_published_table(tables):
    t, expected = curve(tables["ParkerAIF_ref.csv"])
    np.testing.assert_allclose(Parker().published(60.0 * t), expected, atol=1e-9)


def test_mcgrath_is_its_published_table(tables):
    t, expected = curve(tables["preclinicalAIF_ref.csv"])
    np.testing.assert_allclose(McGrath().published(t), expected, atol=1e-9)


def test_georgiou_is_its_published_table_as_far_as_its_rounded_parameters_go(tables):
    t, expected = curve(tables["GeorgiouAIF_ref.csv"])
    error = np.abs(Georgiou().published(60.0 * t) - expected)
    assert error.max() < 0.085  # of 8.65 mM: the published parameters have two digits
    assert (error < 1e-4 + 0.01 * expected).mean() > 0.95


TABLES = {
    "weinmann": ((0.399, 0.144), (0.478, 0.0111)),
    "fritz-hansen": ((2.4, 3.0), (0.62, 0.016)),
}
"""Amplitudes in mM (of Weinmann 3.99 and 4.78 kg/L times 0.1 mmol/kg) and rates in 1/min, as published."""


@pytest.mark.parametrize(("name", "terms"), TABLES.items())
def test_sums_of_exponentials_are_their_published_tables(name, terms):
    """By the sum and its slope at once, and by the areas under it and under its product with time to the end."""
    t = np.concatenate([np.linspace(0.0, 600.0, 60_001), np.linspace(600.0, 120_000.0, 100_000)[1:]])
    c, minutes = POPULATIONS[name].published(t), t / 60.0
    amplitude, rate = np.array(terms).T
    assert c[0] == pytest.approx(amplitude.sum(), rel=1e-9)
    assert (c[1] - c[0]) / minutes[1] == pytest.approx(-(amplitude * rate).sum(), rel=1e-3)
    assert np.trapezoid(c, minutes) == pytest.approx((amplitude / rate).sum(), rel=1e-4)
    assert np.trapezoid(c * minutes, minutes) == pytest.approx((amplitude / rate**2).sum(), rel=1e-4)


def test_orton_is_its_published_table():
    """A_B 323 mM/min, mu_B 20.2 /min, A_G 1.07 mM, mu_G 0.172 /min of model 2: by its slope at once, where the bolus
    peaks, its area, and what is left when the bolus is gone.
    """
    a_b, mu_b, a_g, mu_g = 323.0, 20.2, 1.07, 0.172
    t = np.linspace(0.0, 6000.0, 600_001)
    c = Orton().published(t)
    assert c[0] == 0
    assert Orton().published(np.array([1e-5]))[0] * 60.0 / 1e-5 == pytest.approx(a_b + a_g * (mu_b - mu_g), rel=1e-4)
    assert t[c.argmax()] == pytest.approx(60.0 / mu_b, abs=0.3)  # of t exp(-mu_B t); the rest moves it a little
    assert c.max() == pytest.approx(a_b / mu_b / np.e, rel=0.12)
    assert np.trapezoid(c, t / 60.0) == pytest.approx(a_b / mu_b**2 + a_g * (1 / mu_g - 1 / mu_b), rel=1e-5)
    late = np.array([120.0, 300.0, 900.0])
    np.testing.assert_allclose(Orton().published(late), a_g * np.exp(-mu_g * late / 60.0), rtol=1e-3)


@pytest.mark.parametrize("population", POPULATIONS.values(), ids=POPULATIONS.keys())
def test_plasma_holds_more_than_blood_and_no_more_than_plasma(population):
    t = np.linspace(-20.0, 300.0, 400)
    factor = 1.0 / 0.55 if isinstance(population, InBlood) else 1.0
    np.testing.assert_allclose(population.plasma(t, 0.45), factor * population.published(t))
    assert (population.published(t)[t < 0] == 0).all()
    assert "doi:" in population.source
