"""Reading and writing: strict when writing, tolerant when reading. Knows the vocabulary, not the science."""

from perspect.io.anatomy import read_anatomy
from perspect.io.bids import label, name_of, root_of
from perspect.io.dataset import TRUTH, Contents, Subject, demand_room, write_subject
from perspect.io.derivatives import Destination, Results, Written, existing, write_results
from perspect.io.identity import Said, demand_one_patient, said, share_a_frame
from perspect.io.lcmodel import SaidByHand, basis_text
from perspect.io.nifti import read_region, read_volume
from perspect.io.nifti_mrs import basis_nifti, read_nifti_mrs
from perspect.io.pulse_file import read_pulse
from perspect.io.reuse import demand_free
from perspect.io.series import Reading, read_dsc, read_series, sha256
from perspect.io.spectra import read_any_basis, read_spectra
from perspect.io.spectra_out import (
    SpectrumResults,
    existing_spectrum,
    spectrum_destination,
    write_spectrum,
)  # fmt: skip
from perspect.io.study import Found, find_dsc, read
from perspect.io.tables import read_input_function, read_times
from perspect.io.templates import icbm_2009a
from perspect.io.transforms import Transform, read_transform, transform_files

__all__ = [
    "TRUTH",
    "Contents",
    "Destination",
    "Found",
    "Reading",
    "Results",
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
    "find_dsc",
    "icbm_2009a",
    "label",
    "name_of",
    "read",
    "read_anatomy",
    "read_any_basis",
    "read_dsc",
    "read_input_function",
    "read_nifti_mrs",
    "read_pulse",
    "read_region",
    "read_series",
    "read_spectra",
    "read_times",
    "read_transform",
    "read_volume",
    "root_of",
    "said",
    "sha256",
    "share_a_frame",
    "spectrum_destination",
    "transform_files",
    "write_results",
    "write_spectrum",
    "write_subject",
]
