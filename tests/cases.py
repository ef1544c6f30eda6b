"""Findings and cases for the tests: values that read clearly one way, and what must be on record."""

from math import nan

from perspect.evidence import Case
from perspect.vocabulary import Finding, marker

UNTREATED = Case(
    {
        "adult": True, "treated": False, "enhancing": True, "steroids": False, "dsc.class": "good",
        "dsc.leakage_corrected": True,
        "dsc.has_preload": True, "mrs.te": 0.144, "mrs.te_2hg": 0.097, "mrs.te_longest": 0.144,
        "gadolinium_before_mrs": False,
    }
)  # fmt: skip
TREATED = Case({**UNTREATED.facts, "treated": True, "antiangiogenic": False, "radiotherapy_days": 200.0})


def found(key, value, std=None, *, held=nan, free=nan, region="lesion", flags=(), above=False):
    return Finding(
        marker(key), region, value, 0.02 * abs(value) if std is None else std, 100, held, free, above, tuple(flags)
    )


TUMOUR = (found("rcbv_mean", 5.0), found("cho_naa", 3.0), found("adc_solid", 1.0))
EFFECT = (found("rcbv_mean", 0.5), found("cho_naa", 0.3), found("adc_solid", 1.7))
