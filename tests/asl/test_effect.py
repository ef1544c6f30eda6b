"""Settings without effect on a series are refused: nobody may take them for ones that had one."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import SHAPE, brain, changed, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.vocabulary import Around, Labelled, Problem

AROUND = Around(mask=brain())
LATE = Around(mask=brain(), att=np.full(SHAPE, 1.5))


def refused(one, plan, around=AROUND):
    with pytest.raises(Problem) as caught:
        quantify(one, plan, around=around)
    assert caught.value.why and caught.value.remedy
    return caught.value.what


def test_a_duration_of_a_bolus_that_has_an_end_is_refused():
    plan = Plan(motion=False, bolus=0.9)
    assert "cut off after 0.7 s" in refused(labelled(kind="pasl", duration=0.7), plan)
    assert "PCASL" in refused(labelled(), plan)
    assert "PCASL" in refused(changed(labelled(), durations=np.full(12, np.nan)), plan)


def test_a_map_of_transit_times_is_refused_where_several_delays_measure_them():
    assert "2 delays" in refused(labelled(delays=(1.0, 1.8)), Plan(motion=False), LATE)
    quantify(labelled(), Plan(motion=False), around=LATE)


def test_a_way_to_subtract_is_refused_where_nothing_is_subtracted():
    one = labelled(noise=0.1)
    made = np.asfortranarray(one.series.values[..., ::2] - one.series.values[..., 1::2])
    how = replace(one.labelling, volumes=("deltam",) * 6, delays=np.full(6, 1.8), durations=np.full(6, 1.8))
    one = replace(one, series=replace(one.series, values=made, times=np.arange(6.0)), labelling=how)
    assert "surround" in refused(one, Plan(motion=False, subtraction="surround"))


def test_a_spread_of_transit_times_is_refused_where_one_is_assumed():
    assert "one delay" in refused(labelled(), Plan(motion=False, att_spread=0.3))


def test_how_m0_recovered_is_refused_where_none_is_read_voxel_by_voxel():
    for word in ("fluid", "white", "none"):
        with pytest.raises(Problem, match="m0_recovery"):
            Plan(m0=word, m0_recovery="volume")


def test_what_makes_a_map_is_refused_where_the_scanner_has_made_it():
    one = labelled()
    flow = np.asfortranarray((6000.0 * flow_map()[..., None]).astype(np.float32))
    series = replace(one.series, values=flow, times=np.zeros(1))
    how = replace(one.labelling, volumes=("cbf",), delays=np.full(1, np.nan), durations=np.full(1, np.nan))
    made = Labelled(series, how)
    choices = Plan(motion=False, kinetics="tissue", spatial="tissue", partial_volume="lesion")
    what = refused(made, choices)
    assert all(f"asl.{name}" in what for name in ("kinetics", "spatial", "partial_volume"))
    assert "transit times" in refused(made, Plan(), LATE)
    quantify(made, Plan(motion=False, seed=3), around=AROUND)
