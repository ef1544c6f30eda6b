"""What an image shows, by names that are not those of BIDS."""

import pytest

from perspect.io.naming import is_phase, role_of, why_none


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("AxT1pre", "t1w"), ("t1_mprage_sag_p2_iso", "t1w"), ("sT1W_3D_TFE", "t1w"), ("AX T1 FLAIR", "t1w"),
        ("T1 pre contrast", "t1w"), ("BraTS-GLI-00001-000-t1n", "t1w"),
        ("t1c", "t1c"), ("T1Gd", "t1c"), ("T1 SE AX +C", "t1c"), ("t1_mprage_KM", "t1c"), ("T1_post_contrast", "t1c"),
        ("TCGA-DU-7294_t1c_bet", "t1c"), ("T1 FLAIR +C", "t1c"),
        ("T2FLAIR", "flair"), ("t2_tirm_tra_dark-fluid", "flair"), ("BraTS-GLI-00001-000-t2f", "flair"),
        ("T2W_TSE", "t2w"), ("BraTS-GLI-00001-000-t2w", "t2w"),
        ("ep2d_perf_p2", "dsc"), ("DSC T2* Perfusion", "dsc"), ("t1_twist_DCE", "dce"), ("pcasl_3d", "asl"),
        ("M0 pcasl", "m0scan"), ("ep2d_diff_3scan_trace_p2_ADC", "adc"), ("svs_se_30", "mrs"), ("csi_se_144", "mrsi"),
        ("svs_water", "mrsref"), ("SWI_Images", "t2star"), ("t2_fl2d_tra_hemo", "t2star"), ("B1 map", "tb1map"),
    ],
)  # fmt: skip
def test_names_of_scanners_and_archives_give_roles(name, role):
    assert role_of(name) == role


@pytest.mark.parametrize(
    "name",
    ["ep2d_perf_MTT", "DSC_rCBV", "T1_lesion_mask", "BraTS-GLI-00001-000-seg", "T2 map", "localizer", "t1 sag c-spine",
     "T1_T2_fused", "T1 pre post", "relCBF", "fMRI", "ep2d_diff_TRACEW"],
)  # fmt: skip
def test_what_was_computed_or_could_be_two_things_has_no_role(name):
    assert role_of(name) is None


def test_a_name_without_a_role_is_told_the_reason():
    assert "ADC" in why_none("dwi_b1000")
    assert "computed" in why_none("DSC_rCBV")
    assert why_none("scan3") == "its name gives it no role"


def test_a_phase_says_so():
    assert [is_phase(one) for one in ("gre_T2star_phase", "SWI_Pha", "gre_mag")] == [True, True, False]
