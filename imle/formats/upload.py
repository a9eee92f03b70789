"""ECGs from files that were uploaded together: written to a private folder, read, and gone before the answer is given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from imle.ecg import Ecg, UnreadableEcg
from imle.formats import MissingFacts, read_ecg, wfdb_format
from imle.formats.about import printable
from imle.formats.common import LARGEST_BYTES
from imle.formats.hints import Hints

LONGEST_NAME = 200


def read_uploads(files: Mapping[str, bytes], hints: Hints | None = None) -> dict[str, Ecg | UnreadableEcg]:
    """An Ecg for each record among `files` (contents by name), or the UnreadableEcg that says why it could not be read.

    The answers are named and ordered as the files are; a WFDB record goes by its header, whose signal files must be
    uploaded with it. Every file may have LARGEST_BYTES. A MissingFacts among the answers asks for `hints`.
    """
    with TemporaryDirectory(prefix="imle-") as folder:  # only its owner may enter (mode 0700)
        answers, paths = {}, {}
        for name, content in files.items():
            path = Path(folder, _subfolder(name, files), safe_name(name))
            if len(content) > LARGEST_BYTES:
                answers[name] = _too_large(path.name, len(content))
            elif path.exists():
                answers[name] = UnreadableEcg(path.name, "two of the files have this name; give each record once")
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
                paths[name] = path
        refused = {safe_name(name) for name in answers}
        for name in _records(paths, refused):
            answers[name] = _answer(paths[name], hints)
    return {name: answers[name] for name in files if name in answers}


def safe_name(name: str) -> str:
    """The last part of a file's name, with nothing in it that could lead out of a folder or into an URL."""
    shown = printable(_last_part(name).replace(":", "_")).strip()
    short = shown.encode()[-LONGEST_NAME:].decode(errors="ignore")
    return short if short.strip(".") else "upload"


def _subfolder(name: str, files: Mapping[str, bytes]) -> str:
    """WFDB files lie together if they were together; every other file has a folder of its own."""
    alike = [other for other in files if _is_wfdb(other) and _parent(other) == _parent(name)] if _is_wfdb(name) else []
    return str(list(files).index(alike[0] if alike else name))


def _is_wfdb(name: str) -> bool:
    return Path(safe_name(name)).suffix.lower() in wfdb_format.SUFFIXES


def _parent(name: str) -> str:
    return name[: len(name) - len(_last_part(name))]


def _last_part(name: str) -> str:
    return re.split(r"[\\/]", name)[-1]


def _records(paths: dict[str, Path], refused: set[str]) -> list[str]:
    """The names that stand for a record: each file, except the parts of a WFDB record that its header names."""
    headers = {
        path: set(wfdb_format.named_files(wfdb_format.header_bytes(path)))
        for path in paths.values()
        if path.suffix == ".hea"
    }
    parts = {path.parent / part for path, named in headers.items() for part in named if part != path.stem}
    records = []
    for name, path in paths.items():
        is_part = path in parts or (path.suffix == ".hea" and path.with_suffix("") in parts)
        has_header = _is_wfdb(name) and path.suffix != ".hea" and path.with_suffix(".hea") in headers
        if not (is_part or has_header or headers.get(path, set()) & refused):
            records.append(name)
    return records


def _answer(path: Path, hints: Hints | None) -> Ecg | UnreadableEcg:
    """The Ecg, or a refusal that knows the file by its name alone: the folder means nothing to anybody."""
    try:
        return read_ecg(path, hints)
    except MissingFacts as error:
        return error.called(path.name)
    except UnreadableEcg as error:
        return UnreadableEcg(path.name, error.reason)


def _too_large(name: str, size: int) -> UnreadableEcg:
    limit, tenths = LARGEST_BYTES >> 20, -(-size * 10 >> 20)
    return UnreadableEcg(name, f"the file has {tenths / 10:g} MB; files of up to {limit} MB can be uploaded")
