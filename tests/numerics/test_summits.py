import numpy as np

from perspect.numerics import summits


def test_the_offset_of_a_summit_between_rows_is_that_of_a_parabola():
    x = np.arange(5.0)
    surface = (10.0 - (x - 2.3) ** 2).astype(np.float32)[:, None, None]
    lifted = surface + lift_everywhere(surface)
    np.testing.assert_allclose(lifted[2:4, 0, 0], 10.0, atol=1e-5)  # both that lie beside it
    np.testing.assert_array_equal(lifted[[0, 1, 4]], surface[[0, 1, 4]])
    assert (lift_everywhere(surface[:2]) == 0).all()


def lift_everywhere(surface):
    return summits._lift(surface, *np.indices(surface.shape).reshape(3, -1)).reshape(surface.shape)


def test_what_promises_more_than_is_asked_is_found_without_working_out_all_of_it():
    surface = np.random.default_rng(0).uniform(0.0, 1.0, (7, 9, 60)).astype(np.float32)
    asked = surface.reshape(-1, 60).max(axis=0) + np.linspace(0.0, 0.1, 60)
    found = set(zip(*(part.tolist() for part in summits._promising(surface, asked)[:3]), strict=True))
    lifted, expected = surface + lift_everywhere(surface), set()
    for band in np.array_split(np.arange(9), summits.BANDS):
        part = lifted[:, band[0] : band[-1] + 1]
        for curve in range(60):
            row, place = np.unravel_index(part[..., curve].argmax(), part.shape[:2])
            if part[row, place, curve] > asked[curve]:
                expected.add((int(row), int(place + band[0]), curve))
    assert found == expected and 10 < len(found) < 240
