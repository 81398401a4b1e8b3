"""OFD (GB/T 33190) taken as it is, after a look at the ZIP around it; it is never rendered here."""

from __future__ import annotations

import io
import re
import zipfile

from providers.document_child import Cleaned, Refused, serve

MAX_ENTRIES = 5000
MAX_INSIDE = 200 * 1024 * 1024
_PAGE = re.compile(r"Doc_\d+/Pages/[^/]+/Content\.xml", re.IGNORECASE)
_ENCRYPTED = 0x1


def check_ofd(data: bytes, _media_type: str) -> Cleaned:
    """The same bytes, with the number of page descriptions in them (at least 1). Raises Refused."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            comment = archive.comment
    except zipfile.BadZipFile:
        raise Refused("document_unreadable", "damaged") from None
    names = [entry.filename for entry in entries]
    if "OFD.xml" not in names:
        raise Refused("document_type_refused", "not_allowed")
    if comment or len(set(names)) != len(names) or any(_leaves_archive(name) for name in names):
        raise Refused("document_unreadable", "damaged")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise Refused("document_unreadable", "encrypted")
    if len(entries) > MAX_ENTRIES or sum(entry.file_size for entry in entries) > MAX_INSIDE:
        raise Refused("document_too_complex", "too_big_inside")
    return Cleaned(data, max(1, sum(bool(_PAGE.fullmatch(name)) for name in names)))


def _leaves_archive(name: str) -> bool:
    return name.startswith(("/", "\\")) or "\\" in name or ".." in name.split("/")


if __name__ == "__main__":
    serve(check_ofd)
