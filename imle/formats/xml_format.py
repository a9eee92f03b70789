"""XML from electrocardiographs: parsed within bounds by defusedxml, told apart by its root, read by the vendor's reader."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder

from imle.ecg import Ecg, UnreadableEcg
from imle.formats import aecg, muse
from imle.formats.common import whole_file
from imle.formats.hints import NO_HINTS, Hints
from imle.formats.xml_tree import local_name

TITLE = "HL7 aECG and GE MUSE (.xml)"
SUFFIXES = (".xml",)
READERS = {"AnnotatedECG": aecg.read_root, "RestingECG": muse.read_root}

# An ECG with the marks of every wave has some ten thousand elements, ten deep, with a handful of attributes each.
MOST_ELEMENTS = 200_000
DEEPEST = 100
MOST_EQUAL_SIGNS = 500_000
LONGEST_NAME = 500

_ROOT = re.compile(rb"<(?:[\w.-]+:)?(%s)[\s>]" % "|".join(READERS).encode())


def recognises(head: bytes) -> bool:
    """Whether a file's beginning opens one of the XML elements that can be read."""
    return bool(_ROOT.search(head.replace(b"\0", b"")))


def read(path: Path, hints: Hints = NO_HINTS) -> Ecg:
    """The first ten seconds of the rhythm in an aECG or MUSE file. Raises UnreadableEcg or InvalidEcg."""
    root = _root(path)
    reader = READERS.get(local_name(root))
    if reader is None:
        name = local_name(root)[:40]
        raise UnreadableEcg(
            path, f"this XML file's root element is {name!r}; AnnotatedECG (HL7) and RestingECG (GE MUSE) can be read"
        )
    return reader(root, path, hints)


def _root(path: Path) -> Element:
    content = whole_file(path)
    if content.count(b"=") > MOST_EQUAL_SIGNS:
        raise UnreadableEcg(path, "the XML has more attributes than an ECG; give the electrocardiograph's own file")
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError

    parser = _parser()
    try:
        parser.feed(content)
        return parser.close()
    except DefusedXmlException:
        raise UnreadableEcg(
            path, "the XML declares entities or a document type of its own, as no ECG needs; export it again"
        ) from None
    except _NoEcg:
        raise UnreadableEcg(
            path, "the XML is deeper or larger than an ECG; give the electrocardiograph's own file"
        ) from None
    except (ParseError, ValueError, LookupError):
        raise UnreadableEcg(path, "the XML is broken off or damaged; copy the file again") from None


def _parser():
    """An XML parser that takes MUSE's bare DOCTYPE and refuses every declaration, entity and outside reference."""
    from defusedxml.ElementTree import DefusedXMLParser

    class Parser(DefusedXMLParser):
        def defused_start_doctype_decl(self, name, sysid, pubid, has_internal_subset):
            if has_internal_subset:
                super().defused_start_doctype_decl(name, sysid, pubid, has_internal_subset)

    return Parser(target=_BoundedTree(), forbid_dtd=True)


class _NoEcg(Exception):
    """The document is larger than any ECG."""


class _BoundedTree:
    """Builds the tree while it stays within bounds; a name carries its namespace, which may be long."""

    def __init__(self):
        self._tree = TreeBuilder()
        self._elements = self._depth = 0
        self.data = self._tree.data
        self.close = self._tree.close

    def start(self, tag: str, attributes: dict) -> None:
        self._elements += 1
        self._depth += 1
        longest = max(map(len, (tag, *attributes)))
        if self._elements > MOST_ELEMENTS or self._depth > DEEPEST or longest > LONGEST_NAME:
            raise _NoEcg
        self._tree.start(tag, attributes)

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._tree.end(tag)
