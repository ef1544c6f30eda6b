"""Small DICOM series, one image to a file, as scanners write them."""

import itertools

import numpy as np
import pytest


def write(folder, number, image, **said):
    """One image of one slice, as a scanner writes it."""
    pydicom = pytest.importorskip("pydicom")
    one = pydicom.Dataset()
    one.file_meta = pydicom.dataset.FileMetaDataset()
    one.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = f"1.2.3.{number}"
    common = {
        "Modality": "MR", "SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", "FrameOfReferenceUID": "1.9",
        "PatientID": "p", "InstanceNumber": number, "RepetitionTime": 5.0, "EchoTime": 2.0, "FlipAngle": 15.0,
        "MagneticFieldStrength": 3.0, "MRAcquisitionType": "3D", "PixelSpacing": [2.0, 1.5], "SliceThickness": 4.0,
        "ImageOrientationPatient": [0.8, 0.6, 0.0, -0.6, 0.8, 0.0],
    }  # fmt: skip
    for key, value in (common | said).items():
        if value is not None:
            setattr(one, key, value)
    one.Rows, one.Columns = image.shape
    one.BitsAllocated = one.BitsStored = 16
    one.HighBit, one.PixelRepresentation, one.SamplesPerPixel = 15, 0, 1
    one.PhotometricInterpretation = "MONOCHROME2"
    one.PixelData = image.astype("<u2").tobytes()
    folder.mkdir(parents=True, exist_ok=True)
    one.save_as(folder / f"{number:04d}.dcm", enforce_file_format=True)


def series(folder, n_times=12, n_slices=3, order=None, skip=(), **said):
    """Volumes whose voxel (x, y, z, t) holds 1000 t + 100 z + 10 y + x; keywords may be functions of (t, z)."""
    for number, (t, z) in enumerate(order or itertools.product(range(n_times), range(n_slices)), 1):
        if number in skip:
            continue
        image = 1000 * t + 100 * z + 10 * np.arange(4)[:, None] + np.arange(5)
        place = {"ImagePositionPatient": [10.0, -20.0, 4.0 * z], "TriggerTime": 3000.0 * t}
        own = {key: value(t, z) if callable(value) else value for key, value in (place | said).items()}
        write(folder, number, image, **own)
    return folder
