"""ECG files of every format, written by other programs and libraries than the ones that read them."""

from __future__ import annotations

import base64
import io
import struct
import tempfile
from dataclasses import dataclass
from datetime import date, time
from pathlib import Path
from xml.etree import ElementTree

import edfio
import numpy as np
import pandas as pd
from made_up import made_up_ecg, write_record

from imle import LEADS
from imle.formats import Hints

FILES = Path(__file__).parent / "files"
# Recorded leads, and all of them out of order.
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
SCRAMBLED = ("V3", "aVF", "I", "V6", "III", "V1", "aVL", "II", "V5", "aVR", "V2", "V4")


@dataclass(frozen=True)
class Written:
    """The files of one record by name, the one to read first, and what a reader must be told of them."""

    files: dict[str, bytes]
    hints: Hints | None = None

    def put(self, folder: Path) -> Path:
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder / next(iter(self.files))


def signals_mv(seed: int = 0, fs_hz: int = 500) -> dict[str, np.ndarray]:
    """A made-up ECG by lead, in whole microvolts, so that every format can hold it exactly."""
    return dict(zip(LEADS, np.rint(made_up_ecg(seed, fs_hz) * 1000) / 1000, strict=True))


def wfdb(mv: dict[str, np.ndarray], fs_hz: int = 500) -> Written:
    """By the wfdb package, each lead with a gain of its own so that PTB-XL's short cut does not apply."""
    with tempfile.TemporaryDirectory() as folder:
        stem = Path(folder, "record")
        write_record(
            stem, np.array([mv[lead] for lead in SCRAMBLED]), fs_hz, sig_name=list(SCRAMBLED), adc_gain=[2000.0] * 12
        )
        return Written({f"record{suffix}": Path(f"{stem}{suffix}").read_bytes() for suffix in (".hea", ".dat")})


def edf(mv: dict[str, np.ndarray], fs_hz: int = 500, unit: str = "uV", **changes) -> Written:
    """By edfio: EDF+ with annotations, a breathing signal at another rate, and a patient."""
    per_mv = {"uV": 1000, "mV": 1, "": 1000, "mmHg": 1}[unit]
    limit = 32.768 * per_mv
    signals = [
        edfio.EdfSignal(
            mv[lead] * per_mv, fs_hz, label=f"ECG {lead}", physical_dimension=unit, physical_range=(-limit, limit)
        )
        for lead in SCRAMBLED
        if lead in mv
    ]
    breathing = edfio.EdfSignal(np.arange(len(mv["I"]) * 10.0 // fs_hz), 10, label="Resp", physical_dimension="L")
    how = {
        "patient": edfio.Patient(code="4711", sex="F", birthdate=date(1950, 1, 2), name="Jane_Doe"),
        "recording": edfio.Recording(startdate=date(2020, 5, 6), equipment_code="Cart_9"),
        "starttime": time(10, 11, 12),
        "annotations": [edfio.EdfAnnotation(1, None, "PVC")],
    }
    file = io.BytesIO()
    edfio.Edf([breathing, *signals], **(how | changes)).write(file)
    return Written({"record.edf": file.getvalue()})


def table(mv: dict[str, np.ndarray], fs_hz: int = 500, name: str = "{} (mV)", **how) -> Written:
    """By pandas: a column of times in seconds, then the leads."""
    columns = {"time": np.arange(len(mv["I"])) / fs_hz} | {
        name.format(lead): mv[lead] for lead in SCRAMBLED if lead in mv
    }
    return Written({"record.csv": pd.DataFrame(columns).to_csv(index=False, **how).encode()})


def npy(array: np.ndarray, fs_hz: int = 500) -> Written:
    """Byte by byte as NEP 1 lays a .npy file out."""
    order = "True" if array.flags.f_contiguous and not array.flags.c_contiguous else "False"
    header = f"{{'descr': '{array.dtype.str}', 'fortran_order': {order}, 'shape': {array.shape}, }}"
    header = header.ljust(118 - 10 + 9) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + array.tobytes("A")
    return Written({"record.npy": content}, Hints(fs_hz, "mV"))


def dicom(name: str = "dcmtk_undefined_lengths.dcm") -> Written:
    """By dcmtk."""
    return Written({"record.dcm": (FILES / name).read_bytes()})


def muse(mv: dict[str, np.ndarray], fs_hz: int = 500, uv_per_bit: float = 4.88) -> Written:
    """MUSE's RestingECG as GE publishes it: a median beat first, then the rhythm, 16 bit numbers as base64."""
    root = ElementTree.Element("RestingECG")
    add(
        root,
        "PatientDemographics",
        PatientID="4711",
        PatientAge="70",
        AgeUnits="YEARS",
        Gender="FEMALE",
        PatientLastName="Doe",
    )
    add(
        root, "TestDemographics", AcquisitionDevice="MAC55", AcquisitionDate="05-06-2020", AcquisitionTime="10:11:12"
    )  # fmt: skip
    for kind, samples in (("Median", 600), ("Rhythm", len(mv["I"]))):
        waveform = add(root, "Waveform", WaveformType=kind, SampleBase=str(fs_hz), SampleExponent="0")
        for lead in mv:
            adc = np.rint(mv[lead][:samples] * 1000 / uv_per_bit).astype("<i2")
            encoded = base64.encodebytes(adc.tobytes()).decode()
            add(
                waveform, "LeadData", LeadSampleCountTotal=str(samples), LeadAmplitudeUnitsPerBit=str(uv_per_bit),
                LeadAmplitudeUnits="MICROVOLTS", LeadSampleSize="2", LeadID=lead, WaveFormData=encoded,
            )  # fmt: skip
    body = ElementTree.tostring(root, encoding="ISO-8859-1").partition(b"\n")[2]
    head = b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n'
    return Written({"record.xml": head + body})


def aecg(mv: dict[str, np.ndarray], fs_hz: int = 500) -> Written:
    """HL7's AnnotatedECG with an origin and a scale: first a derived beat, then the rhythm, after the guide of 2005."""
    root = ElementTree.Element("AnnotatedECG", xmlns="urn:hl7-org:v3")
    ElementTree.SubElement(add(root, "effectiveTime"), "low", value="20200506101112.000")
    person = add(root, "componentOf", "timepointEvent", "componentOf", "subjectAssignment", "subject", "trialSubject")
    person = add(person, "subjectDemographicPerson", name="Jane Doe")
    ElementTree.SubElement(person, "administrativeGenderCode", code="F")
    ElementTree.SubElement(person, "birthTime", value="19500102")
    for kind, samples in (("REPRESENTATIVE_BEAT", 600), ("RHYTHM", len(mv["I"]))):
        series = add(root, "component", "series")
        ElementTree.SubElement(series, "code", code=kind)
        add(series, "author", "seriesAuthor", "manufacturedSeriesDevice", manufacturerModelName="Cart 9")
        sequences = add(series, "component", "sequenceSet")
        time_value = _sequence(sequences, "TIME_ABSOLUTE", "GLIST_TS")
        ElementTree.SubElement(time_value, "head", value="20200506101112")
        ElementTree.SubElement(time_value, "increment", value=str(1 / fs_hz), unit="s")
        for lead in mv:
            value = _sequence(sequences, f"MDC_ECG_LEAD_{lead.upper()}", "SLIST_PQ")
            ElementTree.SubElement(value, "origin", value="100", unit="uV")
            ElementTree.SubElement(value, "scale", value="0.5", unit="uV")
            digits = np.rint((mv[lead][:samples] * 1000 - 100) / 0.5).astype(int)
            ElementTree.SubElement(value, "digits").text = " ".join(map(str, digits))
    return Written({"record.xml": ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)})


def _sequence(sequences, code: str, kind: str):
    sequence = add(sequences, "component", "sequence")
    ElementTree.SubElement(sequence, "code", code=code, codeSystem="2.16.840.1.113883.6.24")
    return ElementTree.SubElement(
        sequence, "value", {"xsi:type": kind, "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"}
    )


def add(parent, *path: str, **texts: str):
    """The element at the end of a path below `parent`, made anew, with children that hold `texts`."""
    for name in path:
        parent = ElementTree.SubElement(parent, name)
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text
    return parent


# Every format in a small form, for what must hold of all of them alike.
SMALL = {
    "wfdb": lambda: wfdb(signals_mv(1, 100), 100),
    "dicom": dicom,
    "edf": lambda: edf(signals_mv(1, 100), 100),
    "csv": lambda: table(signals_mv(1, 100), 100),
    "npy": lambda: npy(np.array(list(signals_mv(1, 100).values()), np.float32), 100),
    "muse": lambda: muse({lead: signals_mv(1, 100)[lead] for lead in EIGHT}, 100),
    "aecg": lambda: aecg(signals_mv(1, 100), 100),
}
