"""Reading and writing: strict when writing, tolerant when reading. Knows the vocabulary, not the science."""

from perspect.io.anatomy import read_anatomy
from perspect.io.asl import AslReading, M0Image, m0_beside, read_asl, read_m0
from perspect.io.bids import Name, label, name_of, root_of
from perspect.io.context import Context, read_context
from perspect.io.dataset import TRUTH, Contents, Subject, demand_room, write_subject
from perspect.io.dce import FlipImages, FoundDce, find_dce, read_b1, read_flip_images
from perspect.io.derivatives import Destination, Results, Written, existing, write_results
from perspect.io.identity import Said, demand_one_patient, said, share_a_frame
from perspect.io.labelling import GivenLabelling
from perspect.io.lcmodel import SaidByHand, basis_text
from perspect.io.nifti import read_region, read_volume
from perspect.io.nifti_mrs import basis_nifti, read_nifti_mrs
from perspect.io.pulse_file import read_pulse
from perspect.io.report_out import Report, report_files, write_report
from perspect.io.reuse import demand_free
from perspect.io.roles import Roles, find_roles
from perspect.io.series import Reading, read_dsc, read_series, sha256
from perspect.io.spectra import read_any_basis, read_spectra
from perspect.io.spectra_out import (
    SpectrumResults,
    existing_spectrum,
    spectrum_destination,
    write_spectrum,
)  # fmt: skip
from perspect.io.study import Found, find_asl, find_dsc, read
from perspect.io.tables import read_input_function, read_times
from perspect.io.templates import icbm_2009a
from perspect.io.transforms import Transform, read_transform, transform_files

__all__ = [
    "TRUTH",
    "AslReading",
    "Contents",
    "Context",
    "Destination",
    "FlipImages",
    "Found",
    "FoundDce",
    "GivenLabelling",
    "M0Image",
    "Name",
    "Reading",
    "Report",
    "Results",
    "Roles",
    "Said",
    "SaidByHand",
    "SpectrumResults",
    "Subject",
    "Transform",
    "Written",
    "basis_nifti",
    "basis_text",
    "demand_free",
    "demand_one_patient",
    "demand_room",
    "existing",
    "existing_spectrum",
    "find_asl",
    "find_dce",
    "find_dsc",
    "find_roles",
    "icbm_2009a",
    "label",
    "m0_beside",
    "name_of",
    "read",
    "read_anatomy",
    "read_any_basis",
    "read_asl",
    "read_b1",
    "read_context",
    "read_dsc",
    "read_flip_images",
    "read_input_function",
    "read_m0",
    "read_nifti_mrs",
    "read_pulse",
    "read_region",
    "read_series",
    "read_spectra",
    "read_times",
    "read_transform",
    "read_volume",
    "report_files",
    "root_of",
    "said",
    "sha256",
    "share_a_frame",
    "spectrum_destination",
    "transform_files",
    "write_report",
    "write_results",
    "write_spectrum",
    "write_subject",
]
