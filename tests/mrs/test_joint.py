"""Two echo times: lactate against lipid, amino acids against lipid, and the honest answer of one."""

from mrs_made import basis, water
from perspect import mrs
from perspect.phantom.spectrum import ABSCESS, NECROSIS, Scan, varied, virtual_spectrum

LONG = 0.135


def measured(kind, seed, snr, *, both):
    truth = varied(kind, seed)
    short = virtual_spectrum(truth, Scan(snr=snr), seed)
    long = virtual_spectrum(truth, Scan(te=LONG, snr=snr), seed + 1000)
    others = [(long, basis(LONG))] if both else []
    return mrs.measure(short, basis(), mrs.Plan(profile="tumour"), others=others)


def test_pus_and_necrosis_are_told_apart_by_two_echo_times():
    """Three of each, SNR 12 to 40: each abscess has more evidence than each necrosis (`benchmarks/mrs.py`)."""
    evidence = {
        name: [
            measured(kind, seed, snr, both=True).summary["amino_acids_evidence"]
            for seed, snr in enumerate((12.0, 25.0, 40.0))
        ]
        for name, kind in (("pus", ABSCESS), ("necrosis", NECROSIS))
    }
    assert min(evidence["pus"]) > max(evidence["necrosis"])


def test_one_short_echo_time_never_says_that_there_are_amino_acids():
    for seed in range(3):
        word = measured(ABSCESS, seed, 40.0, both=False).summary["amino_acids"]
        assert word in ("not assessable", "lipid", "neither")


def test_two_echo_times_narrow_lactate_beside_lipid():
    alone, together = (measured(NECROSIS, 1, 40.0, both=both) for both in (False, True))
    truth = varied(NECROSIS, 1)["Lac"]
    joint = together.joint["Lac"]
    assert joint.std < 0.8 * alone.amounts["Lac"].std
    assert abs(joint.value - truth) < max(4 * joint.std, 0.15 * truth)


def test_without_a_second_echo_time_there_are_no_joint_amounts():
    assert not measured(NECROSIS, 2, 40.0, both=False).joint


def test_the_recipe_says_how_many_echo_times_there_were():
    assert "2 echo times" in measured(ABSCESS, 0, 40.0, both=True).recipe.methods


def test_the_summary_says_at_which_echo_times_amino_acids_were_looked_for():
    assert measured(ABSCESS, 0, 40.0, both=True).summary["joint_te"] == [0.03, LONG]


def test_joint_amounts_are_in_the_unit_of_all_others():
    short, long = (virtual_spectrum(varied(NECROSIS, 1), Scan(te=te, snr=40.0), 1) for te in (0.030, LONG))
    plain, scaled = (mrs.measure(short, basis(), others=[(long, basis(LONG))], water=one) for one in (None, water()))
    assert scaled.joint["Lac"].unit == scaled.amounts["Lac"].unit == "mmol/kg"
    factor = scaled.amounts["Lac"].value / plain.amounts["Lac"].value
    assert abs(scaled.joint["Lac"].value / plain.joint["Lac"].value / factor - 1) < 1e-6
