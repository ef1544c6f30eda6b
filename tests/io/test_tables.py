import numpy as np
import pytest

from perspect.io import read_input_function, read_times
from perspect.io.columns import curve_table
from perspect.vocabulary import Curve, Problem


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.tsv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def problem(read, path):
    with pytest.raises(Problem) as caught:
        read(path)
    assert caught.value.exit_code == 2
    assert path.name in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["0\n1.5\n3\n", "time\n0\n1.5\n3", "# s\n\n0\n1.5\n3", "n\ttime\n1\t0\n2\t1.5\n3\t3\n", "time, n\n0,1\n1.5,2\n3,3"],
)
def test_times_are_read_from_lines_and_from_tables(table, text):
    np.testing.assert_array_equal(read_times(table(text)), [0, 1.5, 3])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0\n1.5\nabc\n", "Row 3 of table.tsv has 'abc'"),
        ("0\n1.5\nnan\n", "has 'nan' where a number is expected"),
        ("0\n2\n1\n", "number 2 (from 0) is 1 after 2"),
        ("0 1\n2 3\n", "several numbers in a line"),
        ("when\n0\n1\n", "no column 'time'"),
        ("0\n1500\n3000\n", "looks like milliseconds"),
        ("0\n", "holds 1 times"),
        ("", "is empty"),
        (b"\xff\xfe\x00\x01", "no text file"),
    ],
)
def test_wrong_times_are_named_with_their_place(table, text, words):
    assert words in problem(read_times, table(text))


def test_a_missing_table_is_named(tmp_path):
    assert "There is no file" in problem(read_times, tmp_path / "none.txt")


@pytest.mark.parametrize(("column", "unit"), [("signal", "a.u."), ("delta_r2star", "1/s"), ("cb", "mM"), ("cp", "mM")])
def test_an_input_function_has_the_unit_of_its_column(table, column, unit):
    curve = read_input_function(table(f"time\t{column}\n0\t1\n1.5\t2\n"))
    assert (curve.unit, curve.label) == (unit, column)
    np.testing.assert_array_equal(curve.values, [1, 2])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time\tvalue\n0\t1\n1\t2\n", "has no curve"),
        ("time\tcb\tcp\n0\t1\t1\n1\t2\t2\n", "several curves: cb, cp"),
        ("cb\n1\n2\n", "no column 'time'"),
        ("time\tcb\n0\t1\n1\n", "Row 3 of table.tsv has 1 cells"),
        ("time\tcb\n0\t1\n1\tn/a\n", "Row 3 of table.tsv has 'n/a'"),
    ],
)
def test_a_wrong_input_function_is_named_with_what_it_lacks(table, text, words):
    assert words in problem(read_input_function, table(text))


def test_a_written_curve_can_be_given_back_as_an_input_function(table):
    times, values = np.arange(4) * 1.5, np.array([0.0, 1 / 3, 2.0, 1.0])
    curve = Curve(times, values, "1/s", "arterial input, found", fit=np.array([np.nan, 1, 2, 1]))
    text, columns = curve_table(curve)
    again = read_input_function(table(text))
    np.testing.assert_allclose(again.values, values, rtol=1e-8)  # nine digits are written
    assert again.unit == "1/s"
    assert columns["time"]["Units"] == "s"
