import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from perspect.io import templates
from perspect.io.templates import FILES, icbm_2009a
from perspect.vocabulary import Grid, Problem, Template


@pytest.fixture(scope="module")
def template():
    return icbm_2009a()


def test_the_tissues_fill_the_brain_and_nothing_else(template):
    total = template.grey + template.white + template.csf
    np.testing.assert_allclose(total[template.brain], 1, atol=1e-5)
    assert not total[~template.brain].any()
    assert not template.t1[~template.brain].any()


def test_the_standard_head_is_as_it_was_published(template):
    """Extent and origin as ICBM gives them; volumes within what 152 young adults scaled to this space have."""
    assert template.grid.shape == (197, 233, 189)
    np.testing.assert_array_equal(template.grid.affine[:3, 3], [-98, -134, -72])
    litres = [one.sum() / 1e6 for one in (template.brain, template.grey, template.white)]
    np.testing.assert_allclose(litres, [1.88, 1.0, 0.67], rtol=0.03)


def test_white_matter_is_brighter_than_grey_and_fluid_is_dark(template):
    white, grey, csf = (np.median(template.t1[one > 0.95]) for one in (template.white, template.grey, template.csf))
    assert white > 1.2 * grey > 2 * csf


def test_its_midline_is_the_plane_where_x_is_zero(template):
    """The symmetric version: its mirror image is itself, so that a side of the body has no meaning of its own."""
    np.testing.assert_array_equal(template.t1, template.t1[::-1])
    assert template.grid.affine[0, 0] * 98 + template.grid.affine[0, 3] == 0


def test_the_brain_is_in_one_piece_without_holes(template):
    assert ndimage.label(template.brain)[1] == ndimage.label(~template.brain)[1] == 1


def test_nothing_of_the_package_is_imported():
    code = "import sys; from perspect.io.templates import icbm_2009a; icbm_2009a(); print('nilearn' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.fixture
def read_anew():
    """What was read before is not handed out again."""
    icbm_2009a.cache_clear()
    yield
    icbm_2009a.cache_clear()


def test_what_was_read_cannot_be_written_to(template):
    with pytest.raises(ValueError, match="read-only"):
        template.t1[0, 0, 0] = 1


@pytest.mark.usefixtures("read_anew")
def test_a_package_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(templates, "PACKAGE", "no_such_package_here")
    with pytest.raises(Problem, match=r"not installed.*pip install"):
        icbm_2009a()


@pytest.mark.usefixtures("read_anew")
def test_maps_that_moved_are_said(monkeypatch):
    monkeypatch.setattr(templates, "FOLDER", "elsewhere")
    with pytest.raises(Problem, match="elsewhere has no mni_icbm152_t1"):
        icbm_2009a()


@pytest.mark.usefixtures("read_anew")
def test_maps_of_unlike_grids_are_refused(monkeypatch, tmp_path):
    for n, name in enumerate(FILES.values()):
        nib.save(nib.Nifti1Image(np.ones((4, 4, 4 + n // 2), np.uint8), np.eye(4)), tmp_path / name)
    monkeypatch.setattr(templates, "_folder", lambda: tmp_path)
    with pytest.raises(Problem, match="different grids"):
        icbm_2009a()


def test_shares_that_are_none_are_refused():
    one = np.ones((2, 2, 2), np.float32)
    with pytest.raises(Problem, match="no shares of its brain"):
        Template(one, one, one, one > 0, Grid((2, 2, 2), np.eye(4)))
