"""Look-Locker readouts: what their pulses leave of label, against packets of blood that are followed one by one."""

import numpy as np
import pytest

from perspect.models import (
    ArterialPasl,
    ArterialReadOftenPasl,
    Pasl,
    Pcasl,
    ReadOftenPasl,
    ReadOftenPcasl,
    Tissue,
)  # fmt: skip

GREY = Tissue(1.65, 1.33)
PULSES = 0.2 + 0.3 * np.arange(8)
ANGLES = np.deg2rad([35.0] * 7 + [11.7])
P = np.array([0.01, 0.55])


def followed(kind, att, lasting, flow=0.01, efficiency=0.9, step=1e-4):
    """Label in tissue at every pulse, packet by packet: each decays in blood on its way, then in tissue, and loses the
    cosine at every pulse that finds it there.
    """
    at_start = 0.0 if kind == "pasl" else -lasting
    born = at_start + (np.arange(int(lasting / step)) + 0.5) * step if kind == "pcasl" else None
    out = []
    for at, pulse in enumerate(PULSES):
        if kind == "pcasl":
            # Times after labelling ended: a packet that was labelled at `born` comes after its transit time.
            comes, on_its_way = born + att, att
        else:
            comes = att + (np.arange(int(lasting / step)) + 0.5) * step
            on_its_way = comes
        here = comes < pulse
        n = np.searchsorted(PULSES[:at], comes[here], side="left")
        # The pulses from the first that finds it to the one before this.
        kept = np.array([np.prod(np.cos(ANGLES[k:at])) for k in range(at + 1)])[n]
        way = on_its_way[here] if kind == "pasl" else on_its_way
        label = np.exp(-way / 1.65) * np.exp(-GREY.rate * (pulse - comes[here])) * kept
        out.append(np.sin(ANGLES[at]) * 2 * efficiency / 0.9 * flow * step * label.sum())
    return np.array(out)


@pytest.mark.parametrize(("kind", "of", "lasting"), [("pasl", ReadOftenPasl, 0.64), ("pcasl", ReadOftenPcasl, 1.2)])
@pytest.mark.parametrize("att", [0.3, 0.55, 1.1])
def test_label_that_pulses_leave_is_that_of_packets_followed_one_by_one(kind, of, lasting, att):
    model = of(PULSES, np.full(8, lasting), 0.9, GREY, PULSES, ANGLES)
    curve = model.predict(np.array([0.01, att]))
    # Packets are whole steps of 0.1 ms.
    np.testing.assert_allclose(curve, followed(kind, att, lasting), atol=3e-4 * curve.max())


def test_one_readout_is_the_plain_model_times_what_it_shows():
    one = np.array([1.8])
    plain = Pcasl(one, one, 0.85, GREY).predict(P)
    often = ReadOftenPcasl(one, one, 0.85, GREY, one, np.array([np.pi / 2])).predict(P)
    np.testing.assert_allclose(often, plain, rtol=1e-12)


def test_pulses_that_turn_nothing_leave_what_comes_without_them():
    small = np.full(8, 1e-4)
    often = ReadOftenPasl(PULSES, np.full(8, 0.64), 0.9, GREY, PULSES, small).predict(P)
    plain = Pasl(PULSES, np.full(8, 0.64), 0.9, GREY).predict(P)
    np.testing.assert_allclose(often / np.sin(1e-4), plain, rtol=1e-6)


def test_when_all_has_come_label_is_lost_with_the_effective_t1_of_look_and_locker():
    angles = np.full(8, np.deg2rad(35.0))
    curve = ReadOftenPasl(PULSES, np.full(8, 0.3), 0.9, GREY, PULSES, angles).predict(np.array([0.01, 0.2]))
    effective = GREY.rate - np.log(np.cos(angles[0])) / 0.3
    late = curve[3:]
    np.testing.assert_allclose(late[1:] / late[:-1], np.exp(-effective * 0.3), rtol=1e-9)


def test_samples_that_are_left_out_still_had_their_pulse():
    whole = ReadOftenPasl(PULSES, np.full(8, 0.64), 0.9, GREY, PULSES, ANGLES).predict(P)
    some = np.array([1, 4, 7])
    part = ReadOftenPasl(PULSES[some], np.full(3, 0.64), 0.9, GREY, PULSES, ANGLES).predict(P)
    np.testing.assert_allclose(part, whole[some], rtol=1e-12)


def test_blood_in_arteries_is_new_at_every_pulse():
    p = np.array([0.0, 0.01, 0.9, 0.5])
    often = ArterialReadOftenPasl(PULSES, np.full(8, 0.64), 0.9, GREY, PULSES, ANGLES).predict(p)
    np.testing.assert_allclose(often, np.sin(ANGLES) * ArterialPasl(PULSES, np.full(8, 0.64), 0.9, GREY).predict(p))
