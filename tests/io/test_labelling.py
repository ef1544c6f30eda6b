"""The auditor at the door: what files say of labelling, and what they must not."""

import json

import numpy as np
import pytest

from perspect.io import GivenLabelling, read_asl
from perspect.vocabulary import Acquisition, Problem

PCASL = {
    "ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": 1.8, "LabelingDuration": 1.8,
    "RepetitionTimePreparation": 4.0, "EchoTime": 0.012, "MagneticFieldStrength": 3, "BackgroundSuppression": False,
    "MRAcquisitionType": "3D",
}  # fmt: skip


SQUARE = [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]


@pytest.fixture
def series(save, sidecar, stored, tmp_path):
    """A series of twelve volumes with what is said of it; `None` takes a key out."""

    def write(context=("control", "label") * 6, n=12, values=None, **more):
        path = save((stored if values is None else values)[..., :n], "sub-01_asl.nii.gz")
        said = {key: value for key, value in (PCASL | more).items() if value is not None}
        sidecar(path, **said)
        if context is not None:
            table = "volume_type\n" + "\n".join(context) + "\n"
            (tmp_path / "sub-01_aslcontext.tsv").write_text(table)
        return path

    return write


def labelling(path, **given):
    return read_asl(path, given=GivenLabelling(**given)).labelled.labelling


def problem(path, **given):
    with pytest.raises(Problem) as caught:
        read_asl(path, given=GivenLabelling(**given))
    assert caught.value.what
    return str(caught.value)


def codes(path, **given):
    return {flag.code for flag in read_asl(path, given=GivenLabelling(**given)).flags}


def test_a_sidecar_and_a_context_say_everything(series):
    how = labelling(series(LabelingEfficiency=0.85, BackgroundSuppressionNumberPulses=2, VascularCrushing=True))
    assert how.kind == "pcasl"
    assert how.volumes == ("control", "label") * 6
    np.testing.assert_allclose(how.delays, 1.8)
    np.testing.assert_allclose(how.durations, 1.8)
    assert (how.efficiency, how.n_inversions, how.is_crushed, how.slice_times) == (0.85, 2, True, None)


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("PostLabelingDelay", 1800, "milliseconds"),
        ("LabelingDuration", 1800, "milliseconds"),
        ("RepetitionTimePreparation", 3480, "milliseconds"),
        ("RepetitionTimePreparation", 0, "zero stands for"),
        ("PostLabelingDelay", 0, "what a tool did not know"),
        ("LabelingDuration", 0, "Nothing would be labelled"),
        ("LabelingEfficiency", 85, "fraction"),
        ("PostLabelingDelay", [1.8, 2.0], "2 values but there are 12 volumes"),
        ("PostLabelingDelay", "1.8", "without quotation marks"),
        ("PostLabelingDelay", -1.8, "none of them below 0"),
        ("BackgroundSuppression", "perhaps", "true or false"),
        ("ArterialSpinLabelingType", None, "does not say how blood was labelled"),
        ("ArterialSpinLabelingType", "VSASL", 'is "VSASL"'),
        ("PostLabelingDelay", None, "has no PostLabelingDelay"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(series, key, value, word):
    text = problem(series(**{key: value}))
    assert word in text
    assert key in text


PASL = {"ArterialSpinLabelingType": "PASL", "LabelingDuration": None}


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (PASL | {"PostLabelingDelay": 0.6, "BolusCutOffDelayTime": 0.8}, "no known length"),
        (PASL | {"PostLabelingDelay": 0.8, "BolusCutOffDelayTime": 0.8}, "no known length"),
    ],
)
def test_times_that_contradict_each_other_are_refused(series, more, word):
    assert word in problem(series(**more))


def test_early_times_of_several_may_lie_before_the_end_of_the_bolus(series):
    more = PASL | {"PostLabelingDelay": [0.4] * 6 + [1.8] * 6, "BolusCutOffDelayTime": 0.8}
    np.testing.assert_allclose(labelling(series(**more)).delays[[0, 11]], [0.4, 1.8])


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"PostLabelingDelay": 3.6}, "labelling and delay together last 5.4 s, and there is a volume every 4 s"),
        ({"RepetitionTimePreparation": [4.0] * 11 + [3.0]}, "every 3 s: one of these times is wrong"),
        (PASL | {"PostLabelingDelay": 4.2, "BolusCutOffDelayTime": 0.7}, "TI 4.2 s"),
        ({"RepetitionTimePreparation": None, "RepetitionTime": 0.01}, "the time between excitations"),
    ],
)
def test_labelling_that_lasts_longer_than_a_volume_is_doubted_and_still_read(series, more, words):
    """Objects of others have such times, and are sound otherwise."""
    (flag,) = (one for one in read_asl(series(**more)).flags if one.code == "times-impossible")
    assert words in flag.sentence and flag.severity.name == "LIMITED"


def test_a_long_delay_may_be_counted_from_the_start_of_labelling(series):
    assert "delay-long" in codes(series(PostLabelingDelay=3.0, RepetitionTimePreparation=6.0))
    assert "delay-long" not in codes(series())


def test_slices_of_a_2d_readout_without_times_are_said_to_be_taken_as_read_at_once(series):
    assert "slice-times-unknown" in codes(series(MRAcquisitionType="2D"))
    assert "readout-unknown" in codes(series(MRAcquisitionType=None))
    timed = series(MRAcquisitionType="2D", SliceTiming=[0.0, 0.05, 0.1])
    assert not {"slice-times-unknown", "readout-unknown"} & (codes(timed) | codes(series()))


def test_slices_of_a_2d_readout_have_have_their_times_and_as_many_as_there_are(series):
    how = labelling(series(MRAcquisitionType="2D", SliceTiming=[0.1, 0.05, 0.0]))
    np.testing.assert_allclose(how.slice_times, [0.1, 0.05, 0.0])
    assert "3 slices" in problem(series(MRAcquisitionType="2D", SliceTiming=[0.0, 0.05]))


@pytest.mark.parametrize(
    ("said", "is_spin_echo"),
    [
        ({"MRAcquisitionType": "3D"}, True),
        ({"MRAcquisitionType": "2D"}, False),
        ({"MRAcquisitionType": "2D", "ScanningSequence": "EP"}, False),
        ({"MRAcquisitionType": "2D", "ScanningSequence": ["EP", "SE"]}, True),
        ({"MRAcquisitionType": "2D", "PulseSequenceType": "spin-echo EPI"}, True),
        ({"MRAcquisitionType": "3D", "ScanningSequence": "EP", "SequenceName": "*tgse3d1_22080"}, True),
        ({"MRAcquisitionType": "3D", "PulseSequenceType": "gradient echo EPI"}, False),
        ({"MRAcquisitionType": None, "PulseSequenceDetails": "%SiemensSeq%\\tgse_pasl"}, True),
        ({"MRAcquisitionType": None, "SliceTiming": [0.0, 0.05, 0.1]}, False),
        ({"MRAcquisitionType": None}, None),
    ],
)
def test_what_the_readout_is_called_says_how_its_echo_decays(series, said, is_spin_echo):
    assert labelling(series(**said)).is_spin_echo is is_spin_echo


def test_every_volume_has_its_own_delay_and_m0_has_none(series):
    delays = [0.0] + [0.5, 0.5] * 3 + [1.5, 1.5] * 2 + [1.5]
    context = ("m0scan", *("control", "label") * 3, *("control", "label") * 2, "control")
    how = labelling(series(context, PostLabelingDelay=delays))
    assert np.isnan(how.delays[0])
    np.testing.assert_allclose(how.delays[1:], delays[1:])


def test_delays_by_hand_are_one_for_each_group_of_pairs(series):
    how = labelling(series(None, PostLabelingDelay=None), delays=(0.5, 1.0, 1.5), order="label-control")
    np.testing.assert_allclose(how.delays, np.repeat([0.5, 1.0, 1.5], 4))
    assert how.volumes[:2] == ("label", "control")
    assert how.is_order_known


def test_groups_that_delays_by_hand_were_taken_for_are_said(series):
    path = series(None, PostLabelingDelay=None)
    assert "delays-in-groups" in codes(path, delays=(0.5, 1.0, 1.5), order="label-control")
    for one_way in ((1.8,), (0.5, 1.0) * 3, (0.5, 0.5, 1.0, 1.0) * 3):
        # One for all, one for each pair, one for each volume.
        assert "delays-in-groups" not in codes(path, delays=one_way, order="label-control")
    assert "delays-in-groups" in codes(path, delays=(0.5, 1.0), order="deltam")


def test_a_duration_that_the_kind_of_labelling_does_not_have_is_refused(series):
    assert "--tau" in problem(series(), bolus=0.7)
    pulsed = series(**PASL, BolusCutOffDelayTime=0.7)
    assert "--ti1" in problem(pulsed, durations=(1.8,))


def test_without_context_the_order_is_not_known(series):
    how = labelling(series(None))
    assert not how.is_order_known
    assert set(how.volumes) == {"control", "label"}


def test_a_bright_first_volume_of_an_odd_number_is_taken_as_m0_and_said(series, stored):
    values = stored.astype(np.float32)[..., :11]
    values[..., 0] *= 1.2
    path = series(None, values=values, n=11)
    assert "m0-guessed" in codes(path)
    assert labelling(path).volumes[:2] == ("m0scan", "control")


def test_an_odd_number_of_alike_volumes_is_a_question(series, stored):
    values = np.repeat(stored[..., :1], 11, axis=3)
    assert "odd number" in problem(series(None, values=values, n=11))


def test_a_map_of_the_scanner_needs_no_word_on_how_blood_was_labelled(series):
    path = series(["cbf"], 1, ArterialSpinLabelingType=None, PostLabelingDelay=None, LabelingDuration=None)
    assert labelling(path).volumes == ("cbf",)
    assert "does not say how blood was labelled" in problem(series(["deltam"], 1, ArterialSpinLabelingType=None))


def test_an_order_by_hand_leaves_m0_and_differences_of_the_table_what_they_are(series):
    context = ("m0scan", "m0scan", *("control", "label") * 5)
    how = labelling(series(context), order="label-control")
    assert how.volumes == ("m0scan", "m0scan", *("label", "control") * 5)
    assert labelling(series(context), order="deltam").volumes == ("m0scan", "m0scan", *("deltam",) * 10)
    assert "names no label or control" in problem(series(("deltam",) * 12), order="label-control")


@pytest.mark.parametrize(
    ("context", "word"),
    [
        (("control", "label") * 5, "names 10 volumes"),
        (("control", "lable") * 6, "'lable'"),
    ],
)
def test_a_context_that_does_not_fit_is_refused(series, context, word):
    assert word in problem(series(context))


def test_the_pulsed_names_of_a_converter_are_read_and_said(series):
    path = series(
        ArterialSpinLabelingType="PASL", PostLabelingDelay=None, LabelingDuration=None, InversionTime=1.99,
        BolusDuration=0.7,
    )  # fmt: skip
    how = labelling(path)
    np.testing.assert_allclose(how.delays, 1.99)
    np.testing.assert_allclose(how.durations, 0.7)
    assert {"delay-from-inversion-time", "bolus-from-duration"} <= codes(path)


def test_the_bolus_of_q2tips_ends_at_the_first_of_its_times(series):
    more = {"ArterialSpinLabelingType": "PASL", "BolusCutOffFlag": True, "BolusCutOffTechnique": "Q2TIPS"}
    np.testing.assert_allclose(labelling(series(**more, BolusCutOffDelayTime=[0.7, 1.6])).durations, 0.7)
    assert np.isnan(labelling(series(ArterialSpinLabelingType="PASL", BolusCutOffFlag=False)).durations).all()


def test_a_matrix_makes_the_volumes_encoded(series):
    path = series(TimeEncodedMatrix=SQUARE, LabelingDuration=0.4)
    assert set(labelling(path).volumes) == {"encoded"}
    with pytest.raises(Problem, match="no table"):
        read_asl(series(TimeEncodedMatrix=[[1, 2], [3, 4]]))


def encoded(series, n=12, matrix=SQUARE, **more):
    return series(
        ("control",) + ("label",) * (n - 1), n=n, **{"TimeEncodedMatrix": matrix, "LabelingDuration": 0.4} | more
    )


def test_one_delay_of_a_time_encoded_series_is_that_of_the_block_played_last(series):
    how = labelling(encoded(series, PostLabelingDelay=0.3))
    for found, true in zip(how.blocks(), ([1.1, 0.7, 0.3], [0.4] * 3), strict=True):
        np.testing.assert_allclose(found, true)
    np.testing.assert_allclose(how.since_labelling(), 1.5)


@pytest.mark.parametrize("stated", [[1.1, 0.7, 0.3], [0.0, 1.1, 0.7, 0.3] * 3, [1.1, 1.1, 0.7, 0.3] * 3])
def test_delays_of_the_blocks_may_be_stated_one_by_one(series, stated):
    """As a list of blocks, or for each volume, of which the first stands for the mean."""
    how = labelling(encoded(series, PostLabelingDelay=stated))
    np.testing.assert_allclose(how.blocks()[0], [1.1, 0.7, 0.3])


def test_blocks_may_have_durations_of_their_own_from_a_sidecar_or_by_hand(series):
    path = encoded(series, PostLabelingDelay=0.2, LabelingDuration=[1.8, 0.8, 0.4])
    np.testing.assert_allclose(labelling(path).blocks()[0], [1.4, 0.6, 0.2])
    by_hand = labelling(encoded(series, PostLabelingDelay=0.9), delays=(1.4, 0.6, 0.2), durations=(1.8, 0.8, 0.4))
    np.testing.assert_allclose(by_hand.blocks(), [[1.4, 0.6, 0.2], [1.8, 0.8, 0.4]])


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"PostLabelingDelay": [0.3, 0.7, 1.1]}, "does not fall"),
        ({"PostLabelingDelay": [2.1, 1.2, 0.3]}, "contradict each other"),
        ({"PostLabelingDelay": [1.1, 0.7, 0.3], "LabelingDuration": 1.8}, "contradict each other"),
        ({"PostLabelingDelay": [1.1, 0.7]}, "2 values"),
        ({"PostLabelingDelay": [0.3, 0.3, 0.7] * 4}, "12 values"),
        ({"PostLabelingDelay": None}, "no PostLabelingDelay"),
        ({"LabelingDuration": None}, "not stated"),
        ({"ArterialSpinLabelingType": "PASL", "LabelingDuration": None, "BolusCutOffDelayTime": 0.7}, "pulsed"),
        ({"TimeEncodedMatrix": [[1, 1], [1]]}, "no table"),
        ({"TimeEncodedMatrixSize": 8}, "has 4 rows"),
    ],
)
def test_times_that_blocks_cannot_have_are_refused(series, more, word):
    assert word in problem(encoded(series, **{"PostLabelingDelay": 0.3} | more))


def test_a_matrix_may_be_named_as_explore_asl_names_it(series, stored):
    """Its tables have a row for each block (the first is the mean), here for delays that grow as it lists them."""
    named = {"TimeEncodedMatrix": None, "TimeEncodedMatrixType": "Walsh", "TimeEncodedMatrixSize": 4}
    table = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]])
    path = encoded(series, **named, PostLabelingDelay=[0.0, 0.3, 0.7, 1.1] * 3)
    how = labelling(path)
    np.testing.assert_array_equal(how.matrix, table.T)
    np.testing.assert_allclose(how.blocks()[0], [0.3, 0.7, 1.1])
    np.testing.assert_allclose(how.delays, 0.3)
    assert "encoding-by-name" in codes(path)
    philips = labelling(encoded(series, **named, Manufacturer="Philips"))
    np.testing.assert_array_equal(philips.matrix, -table.T)
    for wrong in ({"TimeEncodedMatrixSize": 12}, {"TimeEncodedMatrixType": "natural"}, {"TimeEncodedMatrixSize": None}):
        assert "Hadamard and Walsh of 4 and 8" in problem(encoded(series, **named | wrong))


@pytest.mark.parametrize(("name", "n"), [("hadamard-4", 4), ("hadamard-12", 12), ("walsh-4", 4)])
def test_a_matrix_may_be_named_by_hand(series, stored, name, n):
    plain = {"TimeEncodedMatrix": None, "PostLabelingDelay": 0.3, "LabelingDuration": 0.4}
    path = encoded(series, **plain)
    how = labelling(path, encoding_name=name)
    assert how.matrix.shape == (n, n) and set(how.volumes) == {"encoded"}
    np.testing.assert_array_equal(how.matrix @ how.matrix.T, n * np.eye(n))
    np.testing.assert_allclose(how.blocks()[0], 0.3 + 0.4 * np.arange(n - 2, -1, -1))
    assert "encoding-by-name" in codes(path, encoding_name=name)
    same = {"TimeEncodedMatrixType": "Hadamard", "TimeEncodedMatrixSize": n}
    said = codes(encoded(series, **plain, **same), encoding_name=name)
    assert ("overridden" in said) == (name == "walsh-4")


def test_a_square_matrix_that_could_be_meant_either_way_is_said(series):
    turned = [[1, 1, 1, 1], [1, -1, 1, -1], [1, -1, -1, 1], [1, 1, -1, -1]]
    assert "encoding-either-way" in codes(encoded(series, matrix=turned, PostLabelingDelay=0.3))
    assert "encoding-either-way" not in codes(encoded(series, PostLabelingDelay=0.3))


def test_differences_that_the_scanner_decoded_keep_their_own_delays_beside_the_matrix(series):
    path = series(("deltam",) * 12, PostLabelingDelay=[0.3, 0.7, 1.1] * 4, TimeEncodedMatrix=SQUARE)
    how = labelling(path)
    assert how.matrix is None and set(how.volumes) == {"deltam"}
    np.testing.assert_allclose(how.delays[:3], [0.3, 0.7, 1.1])


def test_of_several_echoes_the_first_is_the_series_and_the_others_stand_beside_it(series, stored):
    path = series(EchoTime=[0.01, 0.03] * 6, PostLabelingDelay=[0.5] * 6 + [1.0] * 6, context=("control",) * 12)
    context = path.with_name("sub-01_aslcontext.tsv")
    # The table of the standard names every volume; some tools write a line for each set of echoes.
    for lines in (["control"] * 2 + ["label"] * 2) * 3, ["control", "label"] * 3:
        context.write_text("volume_type\n" + "\n".join(lines) + "\n")
        reading = read_asl(path)
        assert reading.labelled.labelling.volumes == ("control", "label") * 3
    labelled = reading.labelled
    assert labelled.series.n_times == 6
    assert labelled.series.acquisition.te == 0.01
    np.testing.assert_allclose(labelled.labelling.delays, [0.5] * 3 + [1.0] * 3)
    assert [one.acquisition.te for one in labelled.echoes] == [0.03]
    np.testing.assert_array_equal(labelled.echoes[0].values, stored[..., 1::2])


def test_of_an_m0_among_the_volumes_the_first_echo_is_enough(series, stored):
    context = ("m0scan", *("control", "control", "label", "label") * 2)
    path = series(context, n=9, EchoTime=[0.01] + [0.01, 0.03] * 4)
    labelled = read_asl(path).labelled
    assert labelled.m0.kind == "included" and labelled.labelling.volumes == ("m0scan", *("control", "label") * 2)
    np.testing.assert_array_equal(labelled.echoes[0].values, stored[..., 2:9:2])


def test_echoes_that_are_not_whole_are_left_and_said(series):
    path = series(("control", "label") * 5, n=10, EchoTime=[0.01] * 6 + [0.03] * 4)
    reading = read_asl(path)
    assert reading.labelled.echoes == () and reading.labelled.series.n_times == 6
    assert "first-echo" in {flag.code for flag in reading.flags}


def test_a_fifth_axis_holds_echoes_if_there_are_as_many_times(series, stored):
    values = stored.reshape(5, 4, 3, 6, 2, order="F")
    path = series(("control", "label") * 3, values=values, n=2, EchoTime=[0.01, 0.03])
    labelled = read_asl(path).labelled
    np.testing.assert_array_equal(labelled.series.values, stored[..., :6])
    np.testing.assert_array_equal(labelled.echoes[0].values, stored[..., 6:])
    assert "fifth axis" in problem(series(("control", "label") * 3, values=values, n=2, EchoTime=0.01))


def test_of_an_m0_with_several_echoes_the_first_is_used(series, save, sidecar, stored):
    path = series()
    m0 = save(stored[..., :3], "sub-01_m0scan.nii.gz")
    sidecar(m0, RepetitionTimePreparation=6.0, EchoTime=[0.03, 0.01, 0.05], FlipAngle=90)
    found = read_asl(path).m0
    np.testing.assert_allclose(found.values, stored[..., 1])
    assert found.te == 0.01 and found.flip_angle == pytest.approx(np.pi / 2)


def test_a_look_locker_readout_has_its_flip_angles_or_is_a_question(series):
    how = labelling(series(LookLocker=True, FlipAngle=[30, 30] * 6))
    np.testing.assert_allclose(how.flip_angles, np.deg2rad(30.0))
    assert labelling(series(FlipAngle=90)).flip_angles is None
    assert "FlipAngle" in problem(series(LookLocker=True))
    assert "2 values" in problem(series(LookLocker=True, FlipAngle=[30, 40]))
    assert "excitations" in problem(series(LookLocker=True, FlipAngle=180))


def test_m0_is_the_scan_beside_the_series_or_in_it_or_a_stated_number(series, save, sidecar, stored):
    path = series()
    m0 = save(stored[..., 0], "sub-01_m0scan.nii.gz")
    sidecar(m0, RepetitionTimePreparation=6.0, EchoTime=0.012)
    assert read_asl(path).m0.tr == 6.0
    assert read_asl(path, wants_m0=False).m0 is None
    m0.unlink()
    context = ("m0scan", *("control", "label") * 5, "control")
    inside = read_asl(series(context, RepetitionTimePreparation=[10.0] + [4.0] * 11)).labelled.m0
    assert (inside.kind, inside.tr) == ("included", 10.0)
    assert read_asl(series(M0Type="Estimate", M0Estimate=900.0)).labelled.blood_m0 == 900.0
    assert "m0-missing" in codes(series(M0Type="Separate"))


@pytest.mark.parametrize(
    "intended",
    [
        "bids::sub-01/perf/sub-01_asl.nii.gz",
        "perf/sub-01_asl.nii.gz",
        ["bids:raw:sub-01/perf/sub-02_asl.nii.gz", "sub-01/perf/sub-01_asl.nii.gz"],
    ],
)
def test_an_m0_of_another_name_belongs_to_the_series_that_it_is_intended_for(
    series, save, sidecar, stored, tmp_path, intended
):
    path = series()
    folder = tmp_path / "sub-01" / "perf"
    folder.mkdir(parents=True)
    for one in tmp_path.glob("sub-01_*"):
        one.rename(folder / one.name)
    path = folder / path.name
    m0 = save(stored[..., 0], "sub-01/perf/sub-01_acq-m_m0scan.nii.gz")
    sidecar(m0, IntendedFor=intended, RepetitionTimePreparation=6.0)
    reading = read_asl(path)
    assert reading.m0 is not None and reading.m0.tr == 6.0
    assert "m0-missing" not in {flag.code for flag in reading.flags}
    other = save(stored[..., 0], "sub-01/perf/sub-01_acq-n_m0scan.nii.gz")
    sidecar(other, IntendedFor=intended)
    assert "all intended" in problem(path)
    sidecar(other, IntendedFor="perf/sub-01_run-2_asl.nii.gz")
    sidecar(m0, RepetitionTimePreparation=6.0)
    (flag,) = [one for one in read_asl(path).flags if one.code == "m0-missing"]
    assert "sub-01_acq-m_m0scan.nii.gz" in flag.sentence


def test_an_m0_by_hand_beside_that_of_the_series_is_said(series, save, stored):
    path = series()
    save(stored[..., 0], "sub-01_m0scan.nii.gz")
    given = save(stored[..., 1], "mine.nii.gz")
    assert "overridden" in {flag.code for flag in read_asl(path, m0=given).flags}


@pytest.mark.parametrize(
    ("series_said", "m0_said", "times", "left_open"),
    [
        ((4.0, 0.01, True), (2.0, 0.06, True), 1.0, None),
        ((4.0, 0.01, False), (2.0, 0.06, False), 0.04 / 0.12, None),
        ((4.0, 0.01, True), (2.0, 0.06, False), 1 / 0.12, None),
        ((4.0, 0.01, False), (2.0, 0.02, False), 1.0, None),
        ((4.0, 0.01, None), (2.0, 0.06, None), 1.0, 0.04 / 0.12),
        ((4.0, 0.01, None), (2.0, 0.02, None), 1.0, None),
    ],
)
def test_slopes_of_philips_bring_m0_to_the_unit_of_the_series(
    series, save, sidecar, stored, series_said, m0_said, times, left_open
):
    """What was measured is what is displayed over RS·SS; a converter says which of the two it stored, or does not."""

    def said(rescale, scale, is_float):
        keys = {"Manufacturer": "Philips", "PhilipsRescaleSlope": rescale, "PhilipsScaleSlope": scale}
        return keys | ({} if is_float is None else {"UsePhilipsFloatNotDisplayScaling": int(is_float)})

    path = series(**said(*series_said))
    sidecar(save(stored[..., 0], "sub-01_m0scan.nii.gz"), RepetitionTimePreparation=6.0, **said(*m0_said))
    reading = read_asl(path)
    np.testing.assert_allclose(reading.m0.values, stored[..., 0] * times)
    assert reading.labelled.labelling.slopes == (None if left_open is None else pytest.approx(left_open))
    assert ("slopes-undone" in {flag.code for flag in reading.flags}) == (times != 1.0)


def test_slopes_of_philips_have_the_names_of_explore_asl_too(series, save, sidecar, stored):
    path = series(Manufacturer="Philips", RescaleSlope=4.0, MRScaleSlope=0.03)
    sidecar(save(stored[..., 0], "sub-01_m0scan.nii.gz"), Manufacturer="Philips", RescaleSlope=4.0, MRScaleSlope=0.01)
    assert labelling(path).slopes == pytest.approx(3.0)
    assert labelling(series(RescaleSlope=4.0, MRScaleSlope=0.03)).slopes is None
    assert "MRScaleSlope" in problem(series(Manufacturer="Philips", RescaleSlope=4.0, MRScaleSlope=0))


def test_two_m0_volumes_that_differ_are_no_two_of_one(series, save, stored):
    path = series()
    save(np.stack([stored[..., 0], stored[..., 0] * 0.9], axis=3).astype(np.float32), "sub-01_m0scan.nii.gz")
    assert "m0-volumes-differ" in codes(path)


def test_what_is_said_by_hand_wins_and_a_note_says_so(series):
    reading = read_asl(series(), given=GivenLabelling("pasl", (1.9,), bolus=0.7), acquired=Acquisition(tr=3.0))
    assert reading.labelled.labelling.kind == "pasl"
    assert reading.labelled.tr == 3.0
    assert "overridden" in {flag.code for flag in reading.flags}


@pytest.mark.parametrize(
    "given",
    [
        {"delays": (1.5,)},
        {"durations": (1.4,)},
        {"order": "label-control"},
        {"kind": "casl"},
        {"encoding": ((1, 1, 1), (1, -1, 1), (1, 1, -1), (1, -1, -1)), "durations": (0.4,)},
    ],
)
def test_whatever_is_given_by_hand_against_the_files_is_said(series, given):
    path = series(TimeEncodedMatrix=SQUARE if "encoding" in given else None)
    assert "overridden" in codes(path, **given)


def test_what_is_given_by_hand_as_the_files_have_it_needs_no_word(series):
    same = codes(series(), delays=(1.8,), durations=(1.8,), order="control-label", kind="pcasl")
    assert "overridden" not in same
    pulsed = series(**PASL, BolusCutOffDelayTime=[0.7, 1.6])
    assert "overridden" in codes(pulsed, bolus=0.8)


@pytest.mark.parametrize("name", ["asl001", "asl002", "asl003", "asl004", "asl005"])
def test_the_sidecars_of_the_standard_are_read(shared_data, save, name, tmp_path):
    """Their images are empty, so volumes are made for them; what counts is what is read of the labelling."""
    found = sorted((shared_data / "asl" / "bids_examples_sidecars" / name).rglob("*_asl.json"))
    if not found:
        pytest.skip("the example sidecars are not here; they are no part of this project")
    context = [
        line for line in next(found[0].parent.glob("*aslcontext.tsv")).read_text().split("\n")[1:] if line.strip()
    ]
    said = json.loads(found[0].read_text())
    slices = len(said.get("SliceTiming", range(3)))
    values = np.random.default_rng(0).integers(100, 900, (4, 4, slices, len(context))).astype(np.int16)
    path = save(values, found[0].name.replace(".json", ".nii.gz"))
    for file in found[0].parent.glob("*_asl*"):
        if file.suffix in (".json", ".tsv"):
            (tmp_path / file.name).write_text(file.read_text())
    reading = read_asl(path)
    how = reading.labelled.labelling
    assert how.kind == said["ArterialSpinLabelingType"].lower()
    labelled = how.of("control", "label", "deltam")
    assert np.isfinite(how.delays[labelled]).all() and (how.delays[labelled] > 0).all()
    assert np.isfinite(how.durations[labelled]).all()
    assert (how.slice_times is None) == (said["MRAcquisitionType"] == "3D")
    assert how.n_inversions == said["BackgroundSuppressionNumberPulses"]
    if name == "asl003":
        np.testing.assert_allclose(how.durations, 0.7)
    if name == "asl004":
        assert np.unique(how.delays).size == 6
    if name == "asl001":
        assert (reading.labelled.m0.kind, reading.labelled.m0.tr) == ("included", 4.886)
