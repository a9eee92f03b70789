"""Makes the files of this folder with programs that are no part of the workbench; README.md says how. Tests read the numbers."""

import subprocess
from pathlib import Path

import edfio
import numpy as np

FOLDER = Path(__file__).parent
FS_HZ = 100
SAMPLES = 1000
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

# dump2dcm's options: implicit, explicit and big endian; lengths stated and not; and the compressed one.
DICOM_FILES = {
    "dcmtk_implicit.dcm": ["+ti"],
    "dcmtk_undefined_lengths.dcm": ["+te", "-e"],
    "dcmtk_big_endian.dcm": ["+tb"],
    "dcmtk_deflated.dcm": ["+td"],
}
# In them: scrambled, coded by two schemes, each with a sensitivity, a correction, a baseline and a unit.
DICOM_ORDER = ("V6", "aVR", "I", "V1", "III", "V3", "aVF", "II", "V5", "aVL", "V2", "V4")
CODES = {
    "I": 1,
    "II": 2,
    "III": 61,
    "aVR": 62,
    "aVL": 63,
    "aVF": 64,
    "V1": 3,
    "V2": 4,
    "V3": 5,
    "V4": 6,
    "V5": 7,
    "V6": 8,
}


def stored(lead: str) -> np.ndarray:
    """(1000,) whole numbers that tell a lead and a moment: a sawtooth of a slope and a height of its own."""
    number = LEADS.index(lead)
    return (np.arange(SAMPLES) * (number + 3)) % 401 - 200 + 20 * number


def scale(lead: str) -> tuple[str, str, str, str]:
    """Sensitivity, correction factor, baseline and unit of a lead in the DICOM files."""
    number = LEADS.index(lead)
    return ("2.5", "1", "0", "uV") if number % 2 else ("0.00244", "0.5", f"{0.01 * number:g}", "mV")


def dicom_mv(lead: str) -> np.ndarray:
    sensitivity, correction, baseline, unit = scale(lead)
    return (stored(lead) * float(sensitivity) * float(correction) + float(baseline)) / {"uV": 1000, "mV": 1}[unit]


def dump() -> str:
    """The DICOM data set as dcmtk's dump2dcm reads it: a median beat first, then the rhythm."""
    return f"""
(0008,0016) UI 1.2.840.10008.5.1.4.1.1.9.1.1
(0008,0018) UI 1.2.826.0.1.3680043.8.498.1
(0008,002a) DT 20200506101112
(0008,0060) CS ECG
(0008,0070) LO Made up
(0008,1090) LO Cart 9
(0010,0010) PN Doe^Jane
(0010,0020) LO 4711-0815
(0010,0030) DA 19500102
(0010,0040) CS F
(5400,0100) SQ
{_group("MEDIAN BEAT", 100)}
{_group("RHYTHM", SAMPLES)}
(fffe,e0dd) -
"""


def _group(label: str, samples: int) -> str:
    data = np.array([stored(lead)[:samples] for lead in DICOM_ORDER]).T.astype("<i2").view("<u2").ravel()
    channels = "\n".join(_channel(index, lead) for index, lead in enumerate(DICOM_ORDER))
    return f"""(fffe,e000) -
(003a,0004) CS ORIGINAL
(003a,0005) US {len(DICOM_ORDER)}
(003a,0010) UL {samples}
(003a,001a) DS {FS_HZ}
(003a,0020) SH {label}
(003a,0200) SQ
{channels}
(fffe,e0dd) -
(5400,1004) US 16
(5400,1006) CS SS
(5400,1010) OW {chr(92).join(f"{word:04x}" for word in data)}
(fffe,e00d) -"""


def _channel(index: int, lead: str) -> str:
    sensitivity, correction, baseline, unit = scale(lead)
    scheme, code = ("MDC", f"2:{CODES[lead]}") if index % 2 else ("SCPECG", f"5.6.3-9-{CODES[lead]}")
    return f"""(fffe,e000) -
(003a,0203) SH Channel {index + 1}
(003a,0208) SQ
(fffe,e000) -
(0008,0100) SH {code}
(0008,0102) SH {scheme}
(0008,0104) LO A lead
(fffe,e00d) -
(fffe,e0dd) -
(003a,0210) DS {sensitivity}
(003a,0211) SQ
(fffe,e000) -
(0008,0100) SH {unit}
(0008,0102) SH UCUM
(0008,0104) LO A unit
(fffe,e00d) -
(fffe,e0dd) -
(003a,0212) DS {correction}
(003a,0213) DS {baseline}
(003a,021a) US 16
(fffe,e00d) -"""


def write_edf(path: Path) -> None:
    """What biosig turns into aECG: whole microvolts, the leads in the opposite order."""
    signals = [
        edfio.EdfSignal(
            stored(lead).astype(float), FS_HZ, label=lead, physical_dimension="uV", physical_range=(-32768, 32767)
        )
        for lead in reversed(LEADS)
    ]
    edfio.Edf(signals).write(path)


if __name__ == "__main__":
    dump_file, edf_file = FOLDER / "dump.txt", FOLDER / "biosig.edf"
    dump_file.write_text(dump())
    write_edf(edf_file)
    for name, how in DICOM_FILES.items():
        subprocess.run(["dump2dcm", "-q", "-g", "--line", "200000", *how, dump_file, FOLDER / name], check=True)
    subprocess.run(["save2gdf", "-f=HL7aECG", edf_file, FOLDER / "biosig_aecg.xml"], check=True)
    dump_file.unlink()
    edf_file.unlink()
