"""PDFs an honest sender may have: every version, scans, forms, signatures; and the hiding places in them."""

from __future__ import annotations

import io
import re
import zlib

import pikepdf

from app.file_ports import CleanDocument
from providers.documents import PDF
from tests.providers.document_zoo import busy_pdf, encoded, pdf, picture, plain_zip, saved, script
from tests.providers.zoo.case import MARKER, Case

SIGNED_ACTIVE = ("document_signed_active",)
_SEAL = re.compile(rb"/Contents (<[0-9a-f]{800}>|\(0{400}\))")


def marker_script() -> pikepdf.Dictionary:
    return script(MARKER.decode())


def scan(
    pixels: tuple[int, int] = (600, 900), paper: tuple[float, float] = (200, 300), turn: int = 0, inked: int = 0
) -> pikepdf.Pdf:
    """A page that is one JPEG; 216 dpi unless told otherwise. ``inked`` adds a small seal of that many pixels."""
    document = pikepdf.new()
    document.add_blank_page(page_size=paper)
    page = document.pages[0]
    words = b"q %f 0 0 %f 0 0 cm /Scan Do Q" % paper
    pictures = pikepdf.Dictionary(Scan=_jpeg(document, pixels))
    if inked:
        pictures.Seal = _jpeg(document, (inked, inked))
        words += b" q 20 0 0 20 50 50 cm /Seal Do Q"
    page.obj.Resources = pikepdf.Dictionary(XObject=pictures)
    page.obj.Contents = document.make_stream(words)
    if turn:
        page.obj.Rotate = turn
    return document


def _jpeg(document: pikepdf.Pdf, pixels: tuple[int, int]) -> pikepdf.Stream:
    return document.make_stream(
        encoded(picture(*pixels, "L"), "JPEG"),
        Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=pixels[0], Height=pixels[1],
        ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8, Filter=pikepdf.Name.DCTDecode,
    )  # fmt: skip


def versioned(version: str) -> bytes:
    old = version in ("1.3", "1.4")
    mode = pikepdf.ObjectStreamMode.disable if old else pikepdf.ObjectStreamMode.generate
    return saved(scan(), force_version=version, object_stream_mode=mode) + b"\n%" + MARKER


def archival() -> bytes:
    document = scan()
    with document.open_metadata() as words:
        words["pdfaid:part"], words["pdfaid:conformance"] = "2", "B"
    document.Root.OutputIntents = pikepdf.Array([pikepdf.Dictionary(S=pikepdf.Name.GTS_PDFA1)])
    return saved(document) + b"\n%" + MARKER


def still_archival(done: CleanDocument) -> list[str]:
    with pikepdf.open(io.BytesIO(done.data)) as document, document.open_metadata() as words:
        return [] if words.get("pdfaid:part") == "2" and "/OutputIntents" in document.Root else ["no PDF/A any more"]


def with_action(action: pikepdf.Dictionary) -> bytes:
    document = pdf()
    document.Root.OpenAction = document.make_indirect(action)
    return saved(document)


def launch() -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String(MARKER.decode()))


def attached() -> bytes:
    document = pdf()
    document.attachments["invoice.exe"] = MARKER
    return saved(document)


def form(dynamic: bool) -> bytes:
    document = pdf()
    document.Root.AcroForm = pikepdf.Dictionary(XFA=document.make_stream(MARKER), Fields=pikepdf.Array([]))
    if dynamic:
        document.Root.NeedsRendering = True
    return saved(document)


def annotated(**entries: object) -> bytes:
    document = pdf()
    note = pikepdf.Dictionary(Type=pikepdf.Name.Annot, Rect=pikepdf.Array([0, 0, 9, 9]))
    for key, value in entries.items():
        note[f"/{key}"] = value
    document.pages[0].obj.Annots = pikepdf.Array([document.make_indirect(note)])
    return saved(document)


def link() -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://example.org/" + MARKER.decode()))


def superseded() -> bytes:
    """The payload stands in an older revision that no table leads to any more."""
    data = saved(pdf(), object_stream_mode=pikepdf.ObjectStreamMode.disable)
    hidden = b"9 0 obj\n<</Length 40>>\nstream\n" + zlib.compress(MARKER) + b"\nendstream\nendobj\n"
    at = data.rfind(b"startxref")
    return data[:at] + hidden + data[at:]


def orphan() -> bytes:
    """An object nothing refers to: the reference was painted over."""
    document = pdf()
    document.Root.Zz = document.make_stream(MARKER)
    data = saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return re.sub(rb"/Zz \d+ 0 R", lambda found: b" " * len(found[0]), data)


# --- signatures: as a signer leaves them, with bytes that no certificate stands behind ------------------------------


def signed(document: pikepdf.Pdf | None = None, *, inline: bool = False) -> bytes:
    document = document or scan()
    value: pikepdf.Object = pikepdf.Dictionary(
        Type=pikepdf.Name.Sig,
        Filter=pikepdf.Name("/Adobe.PPKLite"),
        SubFilter=pikepdf.Name("/adbe.pkcs7.detached"),
        ByteRange=pikepdf.Array([0, 1111111111, 2111111111, 1211111111]),
        Contents=pikepdf.String(b"\x30" * 400),
    )
    value = value if inline else document.make_indirect(value)
    field = document.make_indirect(
        pikepdf.Dictionary(
            FT=pikepdf.Name.Sig,
            T=pikepdf.String("seal"),
            V=value,
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            Rect=pikepdf.Array([0, 0, 0, 0]),
            F=132,
        )
    )
    document.Root.AcroForm = pikepdf.Dictionary(SigFlags=3, Fields=pikepdf.Array([field]))
    document.pages[0].obj.Annots = pikepdf.Array([field])
    data = saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    found = _SEAL.search(data)
    assert found is not None
    opened, closed = found.span(1)
    for old, new in ((1111111111, opened), (2111111111, closed), (1211111111, len(data) - closed)):
        data = data.replace(b"%d" % old, b"%d" % new + b" " * (10 - len(str(new))), 1)
    return data


def signed_with_script() -> bytes:
    document = scan()
    document.Root.OpenAction = document.make_indirect(marker_script())
    return signed(document)


def signed_with_link() -> bytes:
    document = scan()
    document.Root.Reference = document.make_indirect(
        pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("x")))
    )
    return signed(document)


def signed_with_opening() -> bytes:
    document = scan()
    document.Root.OpenAction = pikepdf.Dictionary(
        S=pikepdf.Name.GoTo, D=pikepdf.Array([document.pages[0].obj, pikepdf.Name.Fit])
    )
    return signed(document)


def signed_inline() -> bytes:
    """The signature is written inside its field instead of beside it."""
    return signed(inline=True)


def changed_after_signing() -> bytes:
    out = io.BytesIO(signed())
    tail = b"\n8 0 obj\n<</Note (" + MARKER + b")>>\nendobj\n%%EOF\n"
    return out.getvalue() + tail


PAPERS = [
    *[Case(f"pdf {version}", lambda version=version: versioned(version), PDF, marked=True,  # type: ignore[misc]
           size=(600, 900), dpi=216) for version in ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0")],
    Case("pdf/a", archival, PDF, marked=True, dpi=216, check=still_archival),
    Case("pdf without a picture", lambda: saved(pdf(3)), PDF, pages=3),
    Case("pdf scan held sideways", lambda: saved(scan(turn=90)), PDF, size=(900, 600), dpi=216),
    Case("pdf scan with a fine seal on it", lambda: saved(scan(inked=400)), PDF, size=(600, 900), dpi=216),
    Case("pdf scan of low resolution", lambda: saved(scan((200, 300))), PDF, size=(200, 300), dpi=72),
    Case("pdf with everything that acts", busy_pdf, PDF, pages=2),
    Case("pdf that runs a script", lambda: with_action(marker_script()), PDF, marked=True),
    Case("pdf that starts a program", lambda: with_action(launch()), PDF, marked=True),
    Case("pdf with a file in it", attached, PDF, marked=True),
    Case("pdf with a static XFA form", lambda: form(dynamic=False), PDF, marked=True),
    Case("pdf that is a dynamic XFA form", lambda: form(dynamic=True), refused=("document_unreadable",)),
    Case("pdf with a link", lambda: annotated(Subtype=pikepdf.Name.Link, A=link()), PDF, marked=True),
    Case("pdf with a film", lambda: annotated(Subtype=pikepdf.Name.RichMedia, Contents=pikepdf.String(MARKER)), PDF,
         marked=True),
    Case("pdf with something in an old revision", superseded, PDF, marked=True),
    Case("pdf with an object nobody refers to", orphan, PDF, marked=True),
    Case("pdf with a zip behind it", lambda: saved(pdf()) + plain_zip() + MARKER, PDF, marked=True),
    Case("pdf with a web page behind it", lambda: saved(pdf()) + b"\n<script>" + MARKER, PDF, marked=True),
    Case("pdf signed", signed, PDF, dpi=216, as_received=True),
    Case("pdf signed, with a link", signed_with_link, PDF, dpi=216, as_received=True),
    Case("pdf signed, that opens at a place", signed_with_opening, PDF, dpi=216, as_received=True),
    Case("pdf signed inside its field", signed_inline, PDF, dpi=216, as_received=True),
    Case("pdf signed, with a script", signed_with_script, refused=SIGNED_ACTIVE),
    Case("pdf changed after signing", changed_after_signing, refused=SIGNED_ACTIVE),
    Case("pdf signed, with a zip behind it", lambda: signed() + plain_zip(), refused=SIGNED_ACTIVE),
]  # fmt: skip
