import json
from math import isnan

import pytest

from cases import found
from perspect.io import read_prior
from perspect.report.findings import findings_json
from perspect.vocabulary import Flag, Problem, Severity
from small_dossier import small_dossier


def written(path, **changes):
    limited = found("adc_solid", 1.1, flags=(Flag("x", Severity.LIMITED, "."),))
    said = json.loads(findings_json(small_dossier(findings=(found("rcbv_mean", 4.0, 0.3), limited))))
    path.write_text(json.dumps({**said, **changes}), encoding="utf-8")
    return path


def test_what_was_written_is_read_again_with_what_limits_it(tmp_path):
    rcbv, adc = read_prior(written(tmp_path / "a.json"), "sub-01_ses-2")
    assert (rcbv.marker, rcbv.value, rcbv.std, rcbv.unit, rcbv.software) == ("rcbv_mean", 4.0, 0.3, "ratio", "0.0")
    assert (rcbv.is_limited, adc.is_limited) == (False, True)


def test_what_was_not_known_is_not_zero(tmp_path):
    one = {"marker": "rcbv_mean", "region": "solid part", "value": None, "std": None, "unit": "ratio"}
    (earlier,) = read_prior(written(tmp_path / "a.json", findings=[one]), "sub-01")
    assert isnan(earlier.value)
    assert isnan(earlier.std)


@pytest.mark.parametrize(
    ("changes", "subject", "why"), [({}, "sub-02", "of sub-01"), ({"schema": "other/1"}, "sub-01", "is no perspect")]
)
def test_another_patient_or_schema_is_refused(tmp_path, changes, subject, why):
    with pytest.raises(Problem, match=why):
        read_prior(written(tmp_path / "a.json", **changes), subject)


def test_what_is_no_json_or_not_there_is_said(tmp_path):
    (tmp_path / "b.json").write_text("{", encoding="utf-8")
    with pytest.raises(Problem, match="cannot be read as JSON"):
        read_prior(tmp_path / "b.json", "sub-01")
    with pytest.raises(Problem, match="There is no file"):
        read_prior(tmp_path / "c.json", "sub-01")
