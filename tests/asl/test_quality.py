"""What the checks say of maps of which the truth is known."""

from dataclasses import replace

import numpy as np

from labelled_head import GRID, SHAPE, ball, brain, flow_map
from perspect.asl.kinetics import Kinetics
from perspect.asl.quality import quality
from perspect.vocabulary import Around, Region, Status

HALF = np.broadcast_to(np.arange(20)[:, None, None] < 10, SHAPE)
LESION = np.zeros(SHAPE, bool)
LESION[12:17, 6:14, 1:5] = True


def maps(status):
    n = brain().n_voxels
    codes = brain().taken(status.astype(np.int16))
    flow = np.where(codes >= 10, np.nan, brain().taken(flow_map()))
    return Kinetics({"cbf": flow}, {"cbf": np.full(n, 1e-4)}, {"cbf": codes}, np.zeros(n), None, None)


def flags_of(status, around=None):
    found = quality(maps(status), around or Around(), brain(), 0.9, True)
    return found, {(flag.code, flag.where) for flag in found.flags}


def test_voxels_that_two_transit_times_fit_alike_are_said_where_they_are():
    lesion = Around(lesion=Region(LESION & ball(), GRID, "lesion"))
    found, said = flags_of(np.where(LESION, Status.AMBIGUOUS, Status.OK), lesion)
    assert ("two-transit-times", "lesion") in said
    assert found.numbers["two_transit_times_share_lesion"] == 1.0
    assert ("two-transit-times", "brain") not in flags_of(np.where(LESION, Status.OK, Status.OK), lesion)[1]
    assert ("two-transit-times", "brain") in flags_of(np.where(HALF, Status.AMBIGUOUS, Status.OK))[1]
    # Of one delay no transit time is looked for.
    one = replace(maps(np.where(HALF, Status.AMBIGUOUS, Status.OK)), correlation=None)
    assert not any(flag.code == "two-transit-times" for flag in quality(one, Around(), brain(), 0.9, True).flags)


def test_where_noise_alone_would_vary_more_the_variation_of_flow_is_not_called_none():
    quiet = maps(np.full(SHAPE, Status.OK))
    loud = replace(quiet, std={"cbf": np.full(brain().n_voxels, 1.0)})
    numbers = [quality(one, Around(), brain(), 0.9, True).numbers["spatial_cov_brain"] for one in (quiet, loud)]
    assert numbers[0] > 0
    assert np.isnan(numbers[1])


def test_a_brain_of_which_most_has_no_flow_is_not_called_good():
    most = np.broadcast_to(np.arange(20)[:, None, None] < 12, SHAPE)
    found, said = flags_of(np.where(most, Status.NO_SIGNAL, Status.OK))
    assert ("flow-missing", "brain") in said
    assert found.numbers["without_flow_share"] > 0.5
    assert ("flow-missing", "brain") not in flags_of(np.where(LESION, Status.NO_SIGNAL, Status.OK))[1]
