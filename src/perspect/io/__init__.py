"""Reading and writing: strict when writing, tolerant when reading. Knows the vocabulary, not the science."""

from perspect.io.anatomy import read_anatomy
from perspect.io.bids import label, name_of
from perspect.io.dataset import TRUTH, Contents, Subject, demand_room, write_subject
from perspect.io.dce import FlipImages, FoundDce, find_dce, read_b1, read_flip_images
from perspect.io.derivatives import Destination, Results, Written, existing, write_results
from perspect.io.identity import Said, demand_one_patient, said, share_a_frame
from perspect.io.nifti import read_region, read_volume
from perspect.io.reuse import demand_free
from perspect.io.series import Reading, read_dsc, read_series, sha256
from perspect.io.study import Found, find_dsc, read
from perspect.io.tables import read_input_function, read_times
from perspect.io.templates import icbm_2009a
from perspect.io.transforms import Transform, read_transform, transform_files

__all__ = [
    "TRUTH",
    "Contents",
    "Destination",
    "FlipImages",
    "Found",
    "FoundDce",
    "Reading",
    "Results",
    "Said",
    "Subject",
    "Transform",
    "Written",
    "demand_free",
    "demand_one_patient",
    "demand_room",
    "existing",
    "find_dce",
    "find_dsc",
    "icbm_2009a",
    "label",
    "name_of",
    "read",
    "read_anatomy",
    "read_b1",
    "read_dsc",
    "read_flip_images",
    "read_input_function",
    "read_region",
    "read_series",
    "read_times",
    "read_transform",
    "read_volume",
    "said",
    "sha256",
    "share_a_frame",
    "transform_files",
    "write_results",
    "write_subject",
]
