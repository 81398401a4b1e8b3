"""OFD archives, and everything that is not what it says."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

from providers.documents import JPEG, OFD, PDF, PNG, TIFF
from tests.providers.document_zoo import encoded, ofd, pdf, picture, plain_zip, saved, tiff
from tests.providers.zoo.case import Case

REFUSED = ("document_type_refused",)
LIES = ("document_type_lies",)
DAMAGED = ("document_unreadable",)
COMPLEX = ("document_too_complex",)

ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY f SYSTEM "file:///etc/passwd">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(4))
    + b"]><l>&e;&f;</l>"
)


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes], comment: bytes = b"", packed: bool = True) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as made:
        made.writestr("OFD.xml", "<ofd:OFD/>")
        for name, body in entries:
            made.writestr(name, body)
        made.comment = comment
    return out.getvalue()


def pointer() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("Doc_0/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def locked() -> bytes:
    data = bytearray(archive(("Doc_0/Document.xml", b"x")))
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    return bytes(data)


def overlapping() -> bytes:
    """Two directory entries for one body: the cheap way to multiply a bomb."""
    data = bytearray(archive(("a.bin", bytes(1000)), ("b.bin", bytes(1000))))
    second = data.rfind(b"PK\x01\x02")
    first = data.rfind(b"PK\x01\x02", 0, second)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(data)


def hollow() -> bytes:
    """A file hidden between the last entry and the directory."""
    data = archive(("a.bin", b"x"))
    at = data.find(b"PK\x01\x02")
    hidden = b"MZ" + bytes(4000)
    end = bytearray(data[at:])
    place = end.rfind(b"PK\x05\x06")
    end[place + 16 : place + 20] = struct.pack("<I", at + len(hidden))
    return data[:at] + hidden + bytes(end)


def wrong_sum() -> bytes:
    data = bytearray(archive(("a.bin", b"content of the page"), packed=False))
    data[data.find(b"content")] ^= 1
    return bytes(data)


def bomb() -> bytes:
    return ofd(**{f"big{n}": bytes(50_000_000) for n in range(5)})


def matryoshka() -> bytes:
    inner = bytes(100_000)
    for _ in range(5):
        inner = archive(("in.zip", inner), ("more.zip", inner))
    return inner


OFDS = [
    Case("ofd", ofd, OFD, claim=OFD, pages=3, preview=False, as_received=True),
    Case("ofd called a zip", ofd, OFD, claim="application/zip", pages=3, preview=False, as_received=True),
    Case("ofd with entity bombs and outside entities", lambda: ofd(**{"Doc_0/x.xml": ENTITIES}), OFD, pages=3,
         preview=False, as_received=True),
    Case("ofd with archives in archives", matryoshka, OFD, preview=False, as_received=True),
    Case("ofd that reaches outside", lambda: ofd(**{"../../etc/cron.d/x": b"x"}), refused=DAMAGED),
    Case("ofd with an absolute name", lambda: ofd(**{"/etc/passwd": b"x"}), refused=DAMAGED),
    Case("ofd with a pointer", lambda: archive((pointer(), b"/etc/passwd")), refused=REFUSED),
    Case("ofd bomb", bomb, refused=COMPLEX),
    Case("ofd of 6,000 entries", lambda: archive(*((f"f{n}", b"") for n in range(6000))), refused=COMPLEX),
    Case("ofd with a password", locked, refused=("document_encrypted",)),
    Case("ofd whose entries share bytes", overlapping, refused=DAMAGED),
    Case("ofd with a hollow", hollow, refused=DAMAGED),
    Case("ofd with a comment", lambda: archive(comment=b"#!/bin/sh"), refused=DAMAGED),
    Case("ofd with a tail", lambda: ofd() + b"<?php ?>", refused=DAMAGED),
    Case("ofd behind another zip", lambda: plain_zip() + ofd(), refused=DAMAGED),
    Case("ofd with a wrong check sum", wrong_sum, refused=DAMAGED),
    Case("ofd that is a Java archive too", lambda: ofd(**{"META-INF/MANIFEST.MF": b"Main-Class: X"}), refused=REFUSED),
    Case("ofd that is an office file too", lambda: ofd(**{"[Content_Types].xml": b"<Types/>"}), refused=REFUSED),
    Case("ofd cut in half", lambda: ofd()[:300], refused=DAMAGED),
    Case("a zip that is no ofd", plain_zip, refused=REFUSED),
    Case("a zip called ofd", plain_zip, refused=LIES, claim=OFD),
]  # fmt: skip

LIARS = [
    Case("nothing", lambda: b"", refused=DAMAGED, claim=PDF),
    Case("a program called jpeg", lambda: b"MZ\x90\0" + bytes(500), refused=LIES, claim=JPEG),
    Case("a program", lambda: b"\x7fELF" + bytes(500), refused=REFUSED),
    Case("a web page called pdf", lambda: b"<!doctype html><script>1</script>", refused=LIES, claim=PDF),
    Case("svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", refused=REFUSED),
    Case("gif", lambda: encoded(picture(mode="P"), "GIF"), refused=REFUSED),
    Case("gif with a Java archive (GIFAR)", lambda: encoded(picture(mode="P"), "GIF") + plain_zip(), refused=LIES,
         claim=JPEG),
    Case("webp", lambda: encoded(picture(), "WEBP"), refused=REFUSED),
    Case("bmp called png", lambda: encoded(picture(), "BMP"), refused=LIES, claim=PNG),
    Case("heic", lambda: b"\0\0\0\x18ftypheic" + bytes(300), refused=REFUSED),
    Case("png called jpeg", lambda: encoded(picture(), "PNG"), refused=LIES, claim="image/jpg"),
    Case("pdf called png", lambda: saved(pdf()), refused=LIES, claim="image/png; charset=binary"),
    Case("tiff called pdf", lambda: tiff(1), refused=LIES, claim=PDF),
    Case("jpeg called tiff", lambda: encoded(picture(), "JPEG"), refused=LIES, claim=TIFF),
    Case("jpeg called a web page", lambda: encoded(picture(), "JPEG"), refused=LIES, claim="text/html"),
    Case("pdf with a space before it", lambda: b" " + saved(pdf()), refused=LIES, claim=PDF),
    Case("old word document called pdf", lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), refused=LIES,
         claim=PDF),
    Case("zeros", lambda: bytes(5000), refused=REFUSED),
]  # fmt: skip
