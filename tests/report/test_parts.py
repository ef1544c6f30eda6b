"""What is told of the parts of a lesion, and of their change."""

import math
import re

import pytest

from perspect.report.changes import change_rows
from perspect.report.dossier import Extent
from perspect.report.parts import SHARES, WIDTH, burden_bar, histogram_plot, map_tables, sizes
from perspect.vocabulary import Change, Flag, Histogram, Metric, Severity, Size


def told(statistic, value, half=0.2, held=None, region="solid part", quantity="rcbv", flags=()):
    free = value if not flags else math.nan
    return Metric(
        quantity, region, statistic, "ratio", free, free - half, free + half, 100, value if held is None else held,
        free, flags,
    )  # fmt: skip


EVERY = ("mean", "median", "5th percentile", "95th percentile", "top cluster")


def of_part(region="solid part", **more):
    return [told(name, 1.0 + k, region=region, **more) for k, name in enumerate(EVERY)]


def test_every_part_of_every_map_has_one_row():
    metrics = [*of_part(), *of_part("cavity"), *of_part(quantity="adc")]
    tables = map_tables(metrics, [])
    assert [(one.name, [row.part for row in one.rows]) for one in tables] == [
        ("rCBV", ["solid part", "cavity"]),
        ("ADC", ["solid part"]),
    ]
    row = tables[0].rows[0]
    assert (row.mean.value, row.mean.interval, row.median.value) == ("1.00", "0.80 to 1.20", "2.00")
    assert (row.span, row.hot.value) == ("3.00 to 4.00", "5.00")


def test_a_value_with_trapped_voxels_stands_beside_the_other_only_where_it_differs():
    same, other = (map_tables([told("median", 2.0, held=held)], [])[0].rows[0] for held in (2.01, 2.5))
    assert (same.median.with_traps, other.median.with_traps) == ("", "2.50")


def test_what_traps_left_nothing_of_is_no_number_and_says_why():
    flag = Flag("part-trapped", Severity.LIMITED, "80% of the solid part is spoilt by traps.")
    (row,) = map_tables(of_part(flags=(flag,)), [])[0].rows
    assert (row.median.value, row.median.interval, row.span) == ("–", "", "–")
    assert row.why == flag.sentence


def test_an_interval_without_width_is_not_drawn_as_certainty():
    (row,) = map_tables([told("median", 2.0, half=0.0)], [])[0].rows
    assert row.median.interval == ""


def test_the_bar_of_burden_is_as_long_as_its_shares_and_says_them():
    shares = [told(name, value, half=0.05) for name, value in zip(SHARES, (0.2, 0.3, 0.5), strict=True)]
    drawn = burden_bar(shares)
    assert [float(one) for one in re.findall(r'width="([\d.]+)" height="14"', drawn)] == [60, 90, 150]
    assert "rCBV above 1.75: 50% (45% to 55%)" in drawn
    assert burden_bar(shares[:2]) == ""


def test_a_distribution_has_a_step_for_each_class_and_the_ends_of_its_window():
    drawn = histogram_plot(Histogram("rcbv", "rim", "ratio", (0.0, 2.0, 4.0, 6.0), (1, 4, 3), (1, 2, 3)))
    filled, line = re.findall(r'd="(M0 25V[^"]*)"', drawn)
    assert filled.count("h") == line.count("h") == 3
    assert sum(float(one) for one in re.findall(r"h([\d.]+)", line)) == pytest.approx(WIDTH, abs=0.1)
    assert ">0</text>" in drawn and ">6</text>" in drawn


def test_sizes_stand_with_what_a_voxel_at_the_edge_would_do():
    first, second = sizes(
        [Extent("solid part", 900, 7.2), Extent("rim of 5 mm", 400, 3.1)], [Size("solid part", 7.2, 5.0, 9.9, 30, 20)]
    )
    assert (first.volume, first.between, first.diameters, first.product) == ("7.2", "5.0 to 9.9", "30 × 20", "6.0")
    assert (second.volume, second.diameters) == ("3.1", "")


def change(now, is_beyond, coefficient=1.0):
    return Change("rcbv_mean", "rCBV", "solid part", "ratio", 2.0, now, coefficient, is_beyond, "rCBV changed.")


def test_what_is_beyond_test_retest_comes_first_and_what_cannot_be_compared_last():
    rows = change_rows([change(2.1, None, math.nan), change(2.5, False), change(5.0, True)])
    assert [one.word for one in rows] == ["beyond test-retest", "within test-retest", "not comparable"]
    assert [one.difference for one in rows] == ["+3.00", "+0.50", "–"]
    assert rows[2].line == "" and rows[2].sentence == "rCBV changed."


def test_a_change_within_test_retest_ends_in_the_shaded_zone():
    def ends(row):
        shaded = re.search(r'rect x="([\d.]+)" y="5" width="([\d.]+)"', row.line)
        return float(shaded[1]), float(shaded[1]) + float(shaded[2]), float(re.search(r'cx="([\d.]+)"', row.line)[1])

    inside, outside = (ends(change_rows([change(now, now > 3)])[0]) for now in (2.9, 3.2))
    assert inside[0] < inside[2] < inside[1]
    assert outside[2] > outside[1]
