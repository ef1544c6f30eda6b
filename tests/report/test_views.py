"""The linked views of an answer's page, in a real browser; skipped where there is none."""

import base64
import gzip
import re
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from browser import SOFTWARE_GL, browser
from perspect.report import answer_page, viewer
from small_dossier import GRID, small_dossier

LIMIT = 5_000_000
"""Bytes of a page."""

READY = "document.documentElement.dataset.views === 'ready'"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "sub-01.html"
    path.write_text(answer_page(small_dossier()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened(page):
    with browser(*SOFTWARE_GL) as one:
        one.open(page.as_uri(), READY)
        yield one


def test_the_views_come_up_without_a_complaint_of_the_browser(opened):
    assert opened.complaints == []


def test_the_page_asks_nobody_for_anything(opened, page):
    assert opened.asked_for == [page.as_uri()]


def test_the_value_of_a_map_at_the_cross_is_that_of_the_map(opened):
    text = opened.value("document.querySelector('#views output').textContent")
    plate = small_dossier().plates[0]
    true = float(plate.shown.values[5, 6, 2])  # the place at which the views start, 20, 24, 12 mm
    shown = float(re.search(r"Relative CBV ([\d.]+)", text)[1])
    assert shown == pytest.approx(true, abs=6 / 254 + 0.05)  # a step of the packed map, and two digits


def test_a_map_can_be_changed_and_the_lesion_left_by_keys(opened):
    opened.value("document.querySelector('input[name=over][value=\"\"]').click()")
    before = opened.value("document.querySelector('#views output').textContent")
    opened.value(
        "document.querySelector('#views canvas').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}))"
    )
    assert opened.value("document.querySelector('#views output').textContent") != before
    assert opened.complaints == []


def test_without_webgl_the_pictures_stay_and_nothing_complains(page):
    with browser("--disable-gpu", "--disable-3d-apis") as one:
        one.open(page.as_uri(), "document.readyState === 'complete'")
        assert one.value("document.getElementById('views').hidden") is True
        assert one.value("document.querySelectorAll('.plate svg').length") == 1
        assert one.complaints == []


def test_without_the_viewer_the_page_has_pictures_and_no_script(monkeypatch):
    monkeypatch.setattr(viewer, "library", lambda: None)
    page = answer_page(small_dossier())
    assert "<script" not in page and "script-src" not in page
    assert "data:image/png" in page


def test_packed_images_keep_values_places_and_gaps():
    dossier = small_dossier()
    plate = dossier.plates[0]
    values = plate.shown.values.copy()
    values[0, 0, 0] = np.nan
    moved = np.eye(4)
    moved[:3, 3] = (3.0, -2.0, 1.0)
    shown = replace(plate.shown, values=values, std=np.where(np.isnan(values), np.nan, plate.shown.std),
                    status=np.where(np.isnan(values), 100, 0).astype(np.int16))  # fmt: skip
    packed = viewer.viewer(dossier.scenery, [replace(plate, shown=shown, to_anatomy=moved)])
    one = next(image for image in packed.images if image.key == "rcbv")
    image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(one.nifti)))
    levels = np.asarray(image.dataobj)
    assert levels[0, 0, 0] == 0 and (levels[~np.isnan(values)] > 0).all()
    np.testing.assert_allclose(image.affine, moved @ GRID.affine)
    back = one.low + (levels.astype(float) - 1) / 254 * (one.high - one.low)
    np.testing.assert_allclose(back[~np.isnan(values)], values[~np.isnan(values)], atol=6 / 254)


def test_traps_of_a_map_come_and_go_with_it():
    dossier = small_dossier()
    plate = dossier.plates[0]
    trapped = replace(plate, outlines={**plate.outlines, "trap": plate.outlines["solid"]})
    keys = [one.key for one in viewer.viewer(dossier.scenery, [trapped]).images]
    assert "own-rcbv" in keys
    assert "own-rcbv" not in [one.key for one in viewer.viewer(dossier.scenery, [plate]).images]


def test_an_outline_is_the_inner_edge_of_its_mask_in_voxels_of_half_the_size():
    dossier = small_dossier()
    drawn = next(one for one in viewer.viewer(dossier.scenery, dossier.plates).images if one.key == "outlines")
    image = nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(drawn.nifti)))
    lines, mask = np.asarray(image.dataobj) > 0, dossier.scenery.outlines["solid"]
    fine = mask.repeat(2, 0).repeat(2, 1).repeat(2, 2)
    assert lines[fine].any() and not lines[~fine].any()
    # 8 x 8 x 2 halves: all but the inside of the two layers, of which neither has a layer on both sides
    assert lines.sum() == 8 * 8 * 2
    np.testing.assert_allclose(
        image.affine @ (-0.5, -0.5, -0.5, 1), dossier.scenery.affine @ (-0.5, -0.5, -0.5, 1), atol=1e-6
    )


def test_the_answer_can_be_hidden_until_a_reader_has_looked(opened):
    seen = "getComputedStyle(document.querySelector('#answer .answer')).visibility"
    assert opened.value(seen) == "visible"
    opened.value("document.getElementById('look-first').click()")
    assert opened.value(seen) == "hidden"
    opened.value("document.getElementById('look-first').click()")
    assert opened.complaints == []


def test_everything_that_can_be_changed_is_reached_by_the_tab_key(opened):
    opened.value("document.activeElement.blur()")
    reached = set()
    for _ in range(25):
        for kind in ("rawKeyDown", "keyUp"):
            opened.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        reached.add(
            opened.value("document.activeElement.id || document.activeElement.name || document.activeElement.tagName")
        )
    assert {"look-first", "image", "over", "opacity", "lines", "home", "CANVAS"} <= reached


def test_it_prints_on_few_sheets_that_each_say_what_it_is(opened):
    paper = base64.b64decode(opened.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) <= 3
    assert opened.complaints == []


def test_a_script_that_was_not_in_the_page_cannot_run(opened):
    opened.value(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.stranger = 1';"
        " document.head.append(s); })()"
    )
    assert opened.value("typeof window.stranger") == "undefined"


def test_the_page_stays_below_its_limit_and_its_policy_names_every_script(page):
    text = page.read_text(encoding="utf-8")
    assert len(text) < LIMIT
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "unsafe-eval" not in policy and "script-src &#39;sha256-" in policy
    assert not re.search(r"script-src[^;]*unsafe-inline", policy)
