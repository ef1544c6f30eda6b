"""A scanner's own map is checked as far as a map can be, and a lesion in it is read like any other."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, SHAPE, ball, brain, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.vocabulary import Around, Labelled, Refusal, Region

LESION = np.zeros(SHAPE, bool)
LESION[13:17, 7:13, 1:5] = True
GREY = (flow_map() > 0.005) & ball()
AROUND = Around(brain(), Region(LESION & ball(), GRID, "lesion"), GREY.astype(float), (ball() & ~GREY).astype(float))


def scanners(times=1.0, around=AROUND):
    one = labelled()
    flow = 6000.0 * np.where(LESION & ball(), 2.0, 1.0) * flow_map()
    flow = times * (flow + np.random.default_rng(6).normal(0.0, 2.0, SHAPE) * ball())[..., None]
    series = replace(one.series, values=np.asfortranarray(flow.astype(np.float32)), times=np.zeros(1))
    how = replace(one.labelling, volumes=("cbf",), delays=np.full(1, np.nan), durations=np.full(1, np.nan))
    return quantify(Labelled(series, how), Plan(motion=False), around=around)


def test_a_lesion_in_a_scanners_map_is_read_against_its_references():
    measured = scanners()
    assert measured.summary["lesion"]["mirror"]["mean"] == pytest.approx(2.0, abs=0.1)
    assert {"lesion_over_mirror", "lesion_flow", "mean_flow_grey", "grey_over_white"} <= set(measured.summary)
    assert "lesion" in measured.regions


@pytest.mark.parametrize("times", [10.0, 0.05])
def test_a_scanners_map_in_another_scale_is_relative_and_says_so(times):
    measured = scanners(times)
    (flag,) = [flag for flag in measured.flags if flag.code == "scale-implausible"]
    assert flag.fraction == pytest.approx(times * 6000 * flow_map()[ball()].mean() / 40.0, rel=0.3)
    assert set(measured.maps) == {"relcbf"}
    assert measured.summary["lesion"]["mirror"]["mean"] == pytest.approx(2.0, abs=0.1)


def test_a_scanners_map_without_any_value_is_refused():
    with pytest.raises(Refusal, match="No voxel has a flow"):
        scanners(np.nan)
