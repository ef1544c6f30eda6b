"""Reading and writing: strict when writing, tolerant when reading. Knows the vocabulary, not the science."""

from perspect.io.bids import label, name_of
from perspect.io.dataset import TRUTH, Contents, Subject, demand_room, write_subject
from perspect.io.derivatives import Destination, Results, Written, existing, write_results
from perspect.io.nifti import read_region, read_volume
from perspect.io.reuse import demand_free
from perspect.io.series import Reading, read_dsc, read_series, sha256
from perspect.io.study import Found, find_dsc, read
from perspect.io.tables import read_input_function, read_times
from perspect.io.templates import icbm_2009a

__all__ = [
    "TRUTH",
    "Contents",
    "Destination",
    "Found",
    "Reading",
    "Results",
    "Subject",
    "Written",
    "demand_free",
    "demand_room",
    "existing",
    "find_dsc",
    "icbm_2009a",
    "label",
    "name_of",
    "read",
    "read_dsc",
    "read_input_function",
    "read_region",
    "read_series",
    "read_times",
    "read_volume",
    "sha256",
    "write_results",
    "write_subject",
]
