"""The child's side of providers.probe: one document from stdin is opened and looked at, never rewritten.

It is written apart from the cleaning modules on purpose: what cleaned a file should not be what vouches for it.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import pikepdf
from PIL import Image, ImageSequence

MAX_PIXELS = 120_000_000
MAX_OBJECTS = 500_000
MAX_PAGES = 5000
MAX_ENTRIES = 5000
MAX_INSIDE = 400 * 1024 * 1024
_ACTING = {
    "/JavaScript": "javascript", "/Launch": "launch", "/SubmitForm": "submit", "/ImportData": "import_data",
    "/GoToR": "remote", "/GoToE": "attachment", "/URI": "link", "/Movie": "media", "/Sound": "media",
    "/Rendition": "media", "/RichMediaExecute": "media",
}  # fmt: skip
_HOLDING = {"/FileAttachment": "attachment", "/RichMedia": "media", "/Movie": "media", "/Screen": "media"}
Seen = dict[str, Any]


def probe_pdf(data: bytes) -> Seen:
    try:
        pdf = pikepdf.open(io.BytesIO(data), attempt_recovery=False)
    except pikepdf.PasswordError:
        return {"opens": False, "why": "encrypted", "encrypted": True}
    with pdf:
        if len(pdf.objects) > MAX_OBJECTS or len(pdf.pages) > MAX_PAGES:
            return {"opens": False, "why": "too_complex"}
        active: set[str] = set()
        for holder in pdf.objects:
            for one in _dictionaries(holder):
                active |= _acts(one)
        surplus = len(data[data.rfind(b"%%EOF") + 5 :].strip(b"\r\n \0")) > 0
        return {
            "opens": len(pdf.pages) > 0,
            "why": "" if len(pdf.pages) else "no_pages",
            "pages": len(pdf.pages),
            "encrypted": bool(pdf.is_encrypted),
            "active": sorted(active),
            "surplus": surplus,
        }


def _dictionaries(holder: Any) -> Iterator[Any]:
    """The dictionaries written inside one indirect object."""
    waiting = [holder]
    while waiting:
        one = waiting.pop()
        if isinstance(one, pikepdf.Array):
            waiting += [v for v in one.as_list() if isinstance(v, pikepdf.Object) and not v.is_indirect]
        elif isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
            yield one
            waiting += [v for _, v in one.items() if isinstance(v, pikepdf.Object) and not v.is_indirect]


def _acts(one: Any) -> set[str]:
    kind, subtype = str(one.get("/S", "")), str(one.get("/Subtype", ""))
    found = {_ACTING[kind]} if kind in _ACTING else set()
    if "/JS" in one or ("/JavaScript" in one and "/S" not in one):
        found.add("javascript")
    if subtype in _HOLDING:
        found.add(_HOLDING[subtype])
    if "/EmbeddedFiles" in one or ("/EF" in one and ("/F" in one or "/UF" in one)):
        found.add("attachment")
    if "/XFA" in one:
        found.add("form_script")
    return found


def probe_image(data: bytes) -> Seen:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "TIFF")) as picture:
        width, height = picture.size
        kind, dpi, pages = picture.format, picture.info.get("dpi"), 0
        for frame in ImageSequence.Iterator(picture):
            if frame.size[0] * frame.size[1] > MAX_PIXELS:
                return {"opens": False, "why": "too_complex"}
            frame.load()
            pages += 1
    ends = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
    seen: Seen = {"opens": True, "pages": pages, "width": width, "height": height}
    if kind in ends:
        seen["surplus"] = not data.endswith(ends[kind])
    if dpi and all(1 <= float(d) <= 10_000 for d in dpi):
        seen["dpi"] = round(min(float(d) for d in dpi))
    return seen


def probe_ofd(data: bytes) -> Seen:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_ENTRIES or sum(e.file_size for e in entries) > MAX_INSIDE:
            return {"opens": False, "why": "too_complex"}
        names = [e.filename for e in entries]
        if "OFD.xml" not in names or len(set(names)) != len(names):
            return {"opens": False, "why": "damaged"}
        if any(e.flag_bits & 1 for e in entries):
            return {"opens": False, "why": "encrypted", "encrypted": True}
        if archive.testzip() is not None:
            return {"opens": False, "why": "damaged"}
        pages = sum(name.lower().endswith("content.xml") and "/pages/" in name.lower() for name in names)
        active = ["attachment"] if any(n.lower().endswith((".exe", ".js", ".bat", ".dll")) for n in names) else []
        return {"opens": True, "pages": max(1, pages), "active": active}


PROBES = {
    "application/pdf": probe_pdf,
    "image/jpeg": probe_image,
    "image/png": probe_image,
    "image/tiff": probe_image,
    "application/ofd": probe_ofd,
}


def limit_self(memory_mb: int, cpu_s: int) -> None:
    """No file may grow, no core may be dumped (it would hold the document), memory and processor time are bounded."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def main() -> None:
    """``python -m providers.document_probe MEMORY_MB CPU_S MEDIA_TYPE``: one line of JSON is the answer."""
    limit_self(int(sys.argv[1]), int(sys.argv[2]))
    data = sys.stdin.buffer.read()
    try:
        seen = PROBES[sys.argv[3]](data)
    except MemoryError:
        seen = {"opens": False, "why": "too_complex"}
    except Exception:
        # parsers of foreign bytes fail in any way they like
        seen = {"opens": False, "why": "damaged"}
    sys.stdout.write(json.dumps(seen))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
