"""OFD (GB/T 33190) taken as it is, after a look at the ZIP around it; it is never rendered, its XML never parsed."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib

from providers.document_child import Cleaned, Refused

MAX_ENTRIES = 5000
MAX_INSIDE = 200 * 1024 * 1024
_PAGE = re.compile(r"Doc_\d+/Pages/[^/]+/Content\.xml", re.IGNORECASE)
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_END = 22  # bytes of the ZIP's last record, without a comment
_ENTRY_HEAD = 30  # bytes of an entry's own header, without its name
_SLACK = 512  # extra fields, data descriptors and alignment between entries
_CHUNK = 1 << 16
# An archive that is also one of these would be opened as that by somebody else.
_OTHER_KINDS = {"META-INF/MANIFEST.MF", "[Content_Types].xml", "AndroidManifest.xml", "mimetype"}


def check_ofd(data: bytes, _media_type: str) -> Cleaned:
    """The same bytes, with the number of page descriptions in them (at least 1). Raises Refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = _check_directory(archive, data)
            _check_bytes(archive)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise Refused("document_unreadable", "damaged") from None
    return Cleaned(data, max(1, sum(bool(_PAGE.fullmatch(name)) for name in names)), as_received=True)


def _check_directory(archive: zipfile.ZipFile, data: bytes) -> list[str]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if "OFD.xml" not in names or _OTHER_KINDS & set(names):
        raise Refused("document_type_refused", "not_allowed")
    if len(set(names)) != len(names) or any(_leaves_archive(name) for name in names):
        raise Refused("document_unreadable", "damaged")
    if archive.comment or data[-_END : -_END + 4] != b"PK\x05\x06" or _has_gaps(archive, entries):
        raise Refused("document_unreadable", "damaged")  # something that is no entry: a second file's place
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Refused("document_encrypted", "encrypted")
    if any(stat.S_ISLNK(entry.external_attr >> 16) or entry.compress_type not in _METHODS for entry in entries):
        raise Refused("document_type_refused", "not_allowed")
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_INSIDE:
        raise Refused("document_too_complex", "too_big_inside")
    return names


def _has_gaps(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> bool:
    """Whether anything but entries lies before the directory, or entries share bytes (which multiplies them)."""
    at, slack = 0, 0  # the first entry begins the file
    for entry in sorted(entries, key=lambda e: e.header_offset):
        if not at <= entry.header_offset <= at + slack:
            return True
        slack = _SLACK
        at = entry.header_offset + _ENTRY_HEAD + len(entry.filename.encode()) + entry.compress_size
    return not 0 <= archive.start_dir - at <= _SLACK


def _check_bytes(archive: zipfile.ZipFile) -> None:
    """Every entry unpacks to the size and check sum it promises; zipfile stops at the promised size."""
    for entry in archive.infolist():
        with archive.open(entry) as inside:
            while inside.read(_CHUNK):
                pass


def _leaves_archive(name: str) -> bool:
    return name.startswith(("/", "\\")) or "\\" in name or ".." in name.split("/")
