from dataclasses import replace

from perspect.report.asl import asl_page
from perspect.vocabulary import lexicon
from report.example_patient import example


def test_transit_times_stand_beside_flow_on_all_slices_and_flow_alone_where_there_are_none():
    whole, background = example()
    flow = replace(whole.maps["cbf"], quantity=lexicon.FLOW)
    late = replace(whole.maps["delay"], quantity=lexicon.ATT)
    both = asl_page(replace(whole, maps={"cbf": flow, "att": late}), "sub-01_asl.nii.gz", background)
    alone = asl_page(replace(whole, maps={"cbf": flow}), "sub-01_asl.nii.gz", background)
    assert "To be read beside it: Arterial transit time" in both
    assert "To be read beside it" not in alone
    assert both.count('class="frame"') == alone.count('class="frame"') + 2  # on all slices, and among the small maps
