"""Reading and writing: strict when writing, tolerant when reading. Knows the vocabulary, not the science."""

from typing import TYPE_CHECKING, Any, Final

from perspect import loaded

if TYPE_CHECKING:
    from perspect.io.anatomy import files_of_anatomy as files_of_anatomy
    from perspect.io.anatomy import read_anatomy as read_anatomy
    from perspect.io.asl import AslReading as AslReading
    from perspect.io.asl import M0Image as M0Image
    from perspect.io.asl import read_asl as read_asl
    from perspect.io.asl import read_m0 as read_m0
    from perspect.io.assign import Assigned as Assigned
    from perspect.io.assign import assigned as assigned
    from perspect.io.bids import Name as Name
    from perspect.io.bids import label as label
    from perspect.io.bids import name_of as name_of
    from perspect.io.bids import root_of as root_of
    from perspect.io.cohort import Measured as Measured
    from perspect.io.cohort import read_cohort as read_cohort
    from perspect.io.context import Context as Context
    from perspect.io.context import read_context as read_context
    from perspect.io.dataset import TRUTH as TRUTH
    from perspect.io.dataset import Contents as Contents
    from perspect.io.dataset import Subject as Subject
    from perspect.io.dataset import demand_room as demand_room
    from perspect.io.dataset import write_subject as write_subject
    from perspect.io.dce import FlipImages as FlipImages
    from perspect.io.dce import FoundDce as FoundDce
    from perspect.io.dce import find_dce as find_dce
    from perspect.io.dce import read_b1 as read_b1
    from perspect.io.dce import read_dce as read_dce
    from perspect.io.dce import read_flip_images as read_flip_images
    from perspect.io.derivatives import Destination as Destination
    from perspect.io.derivatives import Results as Results
    from perspect.io.derivatives import Written as Written
    from perspect.io.derivatives import existing as existing
    from perspect.io.derivatives import write_results as write_results
    from perspect.io.encoding import ENCODINGS as ENCODINGS
    from perspect.io.given import GivenLabelling as GivenLabelling
    from perspect.io.identity import Said as Said
    from perspect.io.identity import said as said
    from perspect.io.identity import share_a_frame as share_a_frame
    from perspect.io.laid import roles_of as roles_of
    from perspect.io.lcmodel import SaidByHand as SaidByHand
    from perspect.io.lcmodel import basis_text as basis_text
    from perspect.io.lcmodel_results import LcmodelResult as LcmodelResult
    from perspect.io.lcmodel_results import read_coord as read_coord
    from perspect.io.m0_scan import m0_beside as m0_beside
    from perspect.io.nifti import positions_apart as positions_apart
    from perspect.io.nifti import read_region as read_region
    from perspect.io.nifti import read_volume as read_volume
    from perspect.io.nifti_mrs import basis_nifti as basis_nifti
    from perspect.io.nifti_mrs import read_nifti_mrs as read_nifti_mrs
    from perspect.io.nifti_out import write_mask as write_mask
    from perspect.io.one_patient import demand_one_patient as demand_one_patient
    from perspect.io.one_patient import demand_regions_of as demand_regions_of
    from perspect.io.prior import read_prior as read_prior
    from perspect.io.pulse_file import read_pulse as read_pulse
    from perspect.io.report_out import Report as Report
    from perspect.io.report_out import report_files as report_files
    from perspect.io.report_out import write_report as write_report
    from perspect.io.reuse import demand_free as demand_free
    from perspect.io.roles import Roles as Roles
    from perspect.io.roles import find_roles as find_roles
    from perspect.io.series import Reading as Reading
    from perspect.io.series import read_dsc as read_dsc
    from perspect.io.series import read_series as read_series
    from perspect.io.series import sha256 as sha256
    from perspect.io.spectra import read_any_basis as read_any_basis
    from perspect.io.spectra import read_spectra as read_spectra
    from perspect.io.spectra import undescribed as undescribed
    from perspect.io.spectra import water_within as water_within
    from perspect.io.spectra_out import SpectrumResults as SpectrumResults
    from perspect.io.spectra_out import existing_spectrum as existing_spectrum
    from perspect.io.spectra_out import grid_file as grid_file
    from perspect.io.spectra_out import spectrum_destination as spectrum_destination
    from perspect.io.spectra_out import write_spectrum as write_spectrum
    from perspect.io.staging import copied_whole as copied_whole
    from perspect.io.staging import write_text as write_text
    from perspect.io.study import Found as Found
    from perspect.io.study import find_asl as find_asl
    from perspect.io.study import find_dsc as find_dsc
    from perspect.io.study import read as read
    from perspect.io.tables import read_input_function as read_input_function
    from perspect.io.tables import read_times as read_times
    from perspect.io.templates import icbm_2009a as icbm_2009a
    from perspect.io.transforms import Transform as Transform
    from perspect.io.transforms import read_transform as read_transform
    from perspect.io.transforms import transform_files as transform_files

WHERE: Final = {
    "files_of_anatomy": "anatomy",
    "read_anatomy": "anatomy",
    "AslReading": "asl",
    "M0Image": "asl",
    "m0_beside": "m0_scan",
    "read_asl": "asl",
    "read_m0": "asl",
    "Name": "bids",
    "label": "bids",
    "name_of": "bids",
    "root_of": "bids",
    "Measured": "cohort",
    "read_cohort": "cohort",
    "Context": "context",
    "read_context": "context",
    "TRUTH": "dataset",
    "Contents": "dataset",
    "Subject": "dataset",
    "demand_room": "dataset",
    "write_subject": "dataset",
    "FlipImages": "dce",
    "FoundDce": "dce",
    "find_dce": "dce",
    "read_b1": "dce",
    "read_dce": "dce",
    "read_flip_images": "dce",
    "Destination": "derivatives",
    "Results": "derivatives",
    "Written": "derivatives",
    "existing": "derivatives",
    "write_results": "derivatives",
    "Said": "identity",
    "said": "identity",
    "share_a_frame": "identity",
    "ENCODINGS": "encoding",
    "GivenLabelling": "given",
    "SaidByHand": "lcmodel",
    "basis_text": "lcmodel",
    "LcmodelResult": "lcmodel_results",
    "read_coord": "lcmodel_results",
    "positions_apart": "nifti",
    "read_region": "nifti",
    "read_volume": "nifti",
    "basis_nifti": "nifti_mrs",
    "read_nifti_mrs": "nifti_mrs",
    "write_mask": "nifti_out",
    "demand_one_patient": "one_patient",
    "demand_regions_of": "one_patient",
    "read_prior": "prior",
    "read_pulse": "pulse_file",
    "Report": "report_out",
    "report_files": "report_out",
    "write_report": "report_out",
    "demand_free": "reuse",
    "Roles": "roles",
    "find_roles": "roles",
    "roles_of": "laid",
    "Assigned": "assign",
    "assigned": "assign",
    "Reading": "series",
    "read_dsc": "series",
    "read_series": "series",
    "sha256": "series",
    "read_any_basis": "spectra",
    "read_spectra": "spectra",
    "undescribed": "spectra",
    "water_within": "spectra",
    "SpectrumResults": "spectra_out",
    "existing_spectrum": "spectra_out",
    "grid_file": "spectra_out",
    "spectrum_destination": "spectra_out",
    "write_spectrum": "spectra_out",
    "copied_whole": "staging",
    "write_text": "staging",
    "Found": "study",
    "find_asl": "study",
    "find_dsc": "study",
    "read": "study",
    "read_input_function": "tables",
    "read_times": "tables",
    "icbm_2009a": "templates",
    "Transform": "transforms",
    "read_transform": "transforms",
    "transform_files": "transforms",
}
"""The module of each name, loaded only when it is asked for (PEP 562): a DSC series needs no reader of spectra."""

__all__ = sorted(WHERE)


def __getattr__(name: str) -> Any:
    """What reads or writes something."""
    return loaded("io", WHERE, name)
