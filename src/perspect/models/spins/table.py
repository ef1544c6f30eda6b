"""The spin systems: chemical shifts in ppm, couplings in Hz, each molecule with its source.

A system is written as its shifts ("1.3142x3" is three equivalent protons) and its couplings ("12:6.933" couples the
first to the second place). "P" and "N" after a place are couplings to phosphorus-31 and nitrogen-14.

Sources. G: Govindaraju et al. 2000, doi:10.1002/1099-1492(200005)13:3<129::AID-NBM619>3.0.CO;2-V, with the corrections
of Govindaraju et al. 2015, doi:10.1002/nbm.3336. B: Bal and Gryff-Keller 2002, doi:10.1002/mrc.1043. Numbers were
compared with the tables of two independent collections (Vespa and FID-A); where these and a third disagree, the
molecule says so. What is marked approximate was in neither collection: its methyls at 0.9 to 1.0 ppm are good to about
0.01 ppm, its couplings are typical ones; do not measure these molecules apart from each other.
"""

import re
from typing import Final

from perspect.models.spins.system import Molecule, SpinSystem

GOVINDARAJU: Final = (
    "Govindaraju et al. 2000, doi:10.1002/1099-1492(200005)13:3<129::AID-NBM619>3.0.CO;2-V; 2015, doi:10.1002/nbm.3336"
)
BAL: Final = "Bal and Gryff-Keller 2002, doi:10.1002/mrc.1043"
APPROXIMATE: Final = (
    "approximate: in no published table of brain metabolites; to be verified before it is measured alone"
)


def _system(shifts: str, couplings: str = "", share: float = 1.0) -> SpinSystem:
    """A system from its short notation."""
    places = tuple((float(one.split("x")[0]), int([*one.split("x"), "1"][1])) for one in shifts.split())
    among: list[tuple[int, int, float]] = []
    others: dict[str, list[tuple[int, float]]] = {}
    for a, b, value in re.findall(r"(\d)(\d|P|N):(-?[\d.]+)", couplings):
        if b.isdigit():
            among.append((int(a) - 1, int(b) - 1, float(value)))
        else:
            others.setdefault({"P": "31P", "N": "14N"}[b], []).append((int(a) - 1, float(value)))
    return SpinSystem(places, tuple(among), tuple((kind, tuple(of)) for kind, of in others.items()), share)


_CHOLINE_METHYLS: Final = "1N:0.57"

_TABLE: Final[tuple[tuple[str, str, str, tuple[SpinSystem, ...]], ...]] = (
    ("NAA", "N-acetylaspartate", GOVINDARAJU, (
        _system("2.008x3"),
        _system("7.8205 4.3817 2.6727 2.4863", "12:6.4 23:3.861 24:9.821 34:-15.592"),
    )),
    ("NAAG", "N-acetylaspartylglutamate", GOVINDARAJU, (
        _system("2.042x3"),
        _system("4.607 2.721 2.519 8.26", "12:4.412 13:9.515 14:7.32 23:-15.91"),
        _system("4.128 2.049 1.881 2.18 2.19 7.95",
                "12:4.61 13:8.42 16:7.46 23:-14.28 24:10.56 25:6.09 34:4.9 35:11.11 45:-15.28"),
    )),
    ("Cr", "creatine", GOVINDARAJU, (_system("3.027x3"), _system("3.913x2"), _system("6.649"))),
    ("PCr", "phosphocreatine", GOVINDARAJU, (
        _system("3.029x3"), _system("3.93x2"), _system("6.581"), _system("7.296"),
    )),
    ("GPC", "glycerophosphocholine", GOVINDARAJU, (
        _system("3.212x9", _CHOLINE_METHYLS),
        _system("3.605 3.672 3.903 3.871 3.946",
                "12:-14.78 13:5.77 23:4.53 34:5.77 35:4.53 45:-14.78 4P:6.03 5P:6.03"),
        _system("4.312 4.312 3.659 3.659", "12:-9.32 13:3.1 14:5.9 23:5.9 24:3.1 34:-9.32 "
                "1N:2.67 2N:2.67 1P:6.03 2P:6.03"),
    )),
    ("PCho", "phosphocholine", GOVINDARAJU, (
        _system("3.208x9", _CHOLINE_METHYLS),
        _system("4.2805 4.2805 3.641 3.641",
                "12:-14.89 13:2.284 14:7.231 23:7.326 24:2.235 34:-14.19 1N:2.68 2N:2.772 1P:6.298 2P:6.249"),
    )),
    ("Cho", "free choline", GOVINDARAJU, (
        _system("3.185x9", _CHOLINE_METHYLS),
        _system("4.054 4.054 3.501 3.501", "12:-14.1 13:3.14 14:6.979 23:7.011 24:3.168 34:-14.07 1N:2.572 2N:2.681"),
    )),
    ("PE", "phosphoethanolamine", GOVINDARAJU, (
        _system("3.9765 3.9765 3.216 3.216",
                "12:-14.56 13:3.182 14:6.716 23:7.204 24:2.98 34:-14.71 1N:0.464 2N:0.588 1P:7.288 2P:7.088"),
    )),
    ("Eth", "ethanolamine", GOVINDARAJU, (
        _system("3.8184 3.8184 3.1467 3.1467",
                "12:-10.64 13:3.897 14:6.794 23:6.694 24:3.798 34:-11.71 1N:0.657 2N:0.142"),
    )),
    ("Ins", "myo-inositol", GOVINDARAJU, (
        _system("3.5217 4.0538 3.5217 3.6144 3.269 3.6144", "12:2.889 16:9.998 23:3.006 34:9.997 45:9.485 56:9.482"),
    )),
    ("sIns", "scyllo-inositol", GOVINDARAJU, (_system("3.34x6"),)),
    ("Glu", "glutamate", GOVINDARAJU, (
        _system("3.7433 2.0375 2.12 2.3378 2.352",
                "12:7.331 13:4.651 23:-14.849 24:6.413 25:8.406 34:8.478 35:6.875 45:-15.915"),
    )),
    ("Gln", "glutamine", GOVINDARAJU, (
        _system("3.753 2.129 2.109 2.432 2.454",
                "12:5.847 13:6.5 23:-14.504 24:9.165 25:6.347 34:6.324 35:9.209 45:-15.371"),
        _system("6.816"), _system("7.529"),
    )),
    ("GABA", "gamma-aminobutyrate", GOVINDARAJU, (
        _system("2.284 2.284 1.889 1.889 3.0128 3.0128",
                "12:-10.744 13:7.755 14:6.173 23:7.432 24:7.933 34:-13.121 35:5.372 36:10.578 45:7.127 46:6.982 "
                "56:-12.021"),
    )),
    ("GSH", "glutathione", GOVINDARAJU, (
        _system("3.769x2"),
        _system("4.5608 2.9264 2.9747", "12:7.09 13:4.71 23:-14.06"),
        _system("3.769 2.159 2.146 2.51 2.56",
                "12:6.34 13:6.36 23:-15.48 24:6.7 25:7.6 34:7.6 35:6.7 45:-15.92"),
        _system("7.154"), _system("8.177"),
    )),
    ("Asp", "aspartate", GOVINDARAJU, (_system("3.8914 2.8011 2.6533", "12:3.647 13:9.107 23:-17.426"),)),
    ("Asc", "ascorbate", GOVINDARAJU, (_system("4.492 4.002 3.743 3.716", "12:2.07 23:6 24:4.6 34:-11.5"),)),
    ("Tau", "taurine", GOVINDARAJU, (
        _system("3.4206 3.4206 3.2459 3.2459", "12:-12.438 13:6.742 14:6.464 23:6.403 24:6.792 34:-12.93"),
    )),
    ("Glc", "glucose", GOVINDARAJU, (
        _system("5.216 3.519 3.698 3.395 3.822 3.826 3.749",
                "12:3.8 23:9.6 34:9.4 45:9.9 56:1.5 57:6 67:-12.1", 0.36),
        _system("4.63 3.23 3.473 3.387 3.45 3.882 3.707", "12:8 23:9.1 34:9.4 45:8.9 56:1.6 57:5.4 67:-12.3", 0.64),
    )),
    ("Lac", "lactate", GOVINDARAJU, (_system("4.0974 1.3142x3", "12:6.933"),)),
    ("Ala", "alanine", GOVINDARAJU, (_system("3.7746 1.4667x3", "12:7.234"),)),
    ("Gly", "glycine", GOVINDARAJU, (_system("3.548x2"),)),
    ("Ser", "serine", GOVINDARAJU, (_system("3.8347 3.9379 3.9764", "12:5.979 13:3.561 23:-12.254"),)),
    ("Thr", "threonine", GOVINDARAJU, (_system("3.5785 4.2464 1.3158x3", "12:4.917 23:6.35"),)),
    ("Val", "valine", GOVINDARAJU, (
        _system("3.5953 2.2577 1.0271x3 0.9764x3", "12:4.405 23:6.971 24:7.071"),
    )),
    ("Leu", "leucine", APPROXIMATE, (
        _system("3.73 1.71 1.67 1.70 0.96x3 0.95x3", "12:6.2 13:8.0 23:-14 24:6.5 34:6.5 45:6.2 46:6.2"),
    )),
    ("Ile", "isoleucine", APPROXIMATE, (
        _system("3.66 1.97 1.00x3 1.46 1.25 0.93x3", "12:4.0 23:7.0 24:4.8 25:9.3 45:-13.5 46:7.4 56:7.4"),
    )),
    ("Lys", "lysine", APPROXIMATE, (
        _system("3.746 1.89x2 1.46x2 1.712x2 3.019x2", "12:6.1 23:7.6 34:7.6 45:7.6"),
    )),
    ("Ace", "acetate", GOVINDARAJU, (_system("1.904x3"),)),
    ("Suc", "succinate", GOVINDARAJU, (_system("2.392x4"),)),
    ("Pyr", "pyruvate", GOVINDARAJU, (_system("2.359x3"),)),
    ("Acn", "acetone", APPROXIMATE, (_system("2.222x6"),)),
    ("Cit", "citrate", GOVINDARAJU, (
        _system("2.54 2.65", "12:-15.1"), _system("2.54 2.65", "12:-15.1"),
    )),
    ("bHB", "beta-hydroxybutyrate", GOVINDARAJU, (
        _system("2.388 2.294 4.133 1.186x3", "12:-14.5 13:7.3 23:6.3 34:6.3"),
    )),
    ("EtOH", "ethanol", GOVINDARAJU, (_system("1.175x3 3.645x2", "12:7.1"),)),
    # Two collections agree with the source; a third has 7.0 for 1-2 and the two long couplings exchanged.
    ("2HG", "2-hydroxyglutarate", BAL, (
        _system("4.022 1.825 1.977 2.221 2.272",
                "12:7.6 13:4.1 23:-14 24:5.3 25:10.4 34:10.6 35:6 45:-15"),
    )),
)  # fmt: skip

MOLECULES: Final[dict[str, Molecule]] = {
    key: Molecule(key, name, systems, source) for key, name, source, systems in _TABLE
}
"""Every molecule by its short name."""
