"""Documents good and bad, made on the spot."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import pikepdf
from PIL import Image, TiffImagePlugin


def picture(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    """Left half dark, right half light, so that a turn can be seen."""
    image = Image.new("L", (width, height), 20)
    image.paste(230, (width // 2, 0, width, height))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg_with_metadata(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SECRETMAKER"
    exif.get_ifd(0x8825)[1] = "N"
    return encoded(picture(), "JPEG", exif=exif, comment=b"SECRETCOMMENT")


def tiff(pages: int, mode: str = "1", compression: str = "group4") -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[315] = "SECRETARTIST"
    images = [picture(60 + 10 * n, 40, mode) for n in range(pages)]
    options = {"save_all": True, "append_images": images[1:], "compression": compression, "tiffinfo": tags}
    return encoded(images[0], "TIFF", **options)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(side: int, size: int = 20_000) -> bytes:
    """A PNG of ``side`` by ``side`` RGBA pixels whose picture is ``size`` bytes of well-packed nothing."""
    packer = zlib.compressobj(9)
    body = b""
    while len(body) < size:
        body += packer.compress(bytes(1 << 20))
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def pdf(pages: int = 1) -> pikepdf.Pdf:
    document = pikepdf.new()
    for _ in range(pages):
        document.add_blank_page(page_size=(200, 300))
    return document


def saved(document: pikepdf.Pdf, **options: object) -> bytes:
    out = io.BytesIO()
    document.save(out, **options)  # type: ignore[arg-type]
    return out.getvalue()


def script(text: str = "app.alert('SECRETSCRIPT')") -> pikepdf.Dictionary:
    return pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String(text))


def busy_pdf() -> bytes:
    """Every kind of active content we know how to write, and some links that may stay."""
    document = pdf(2)
    root, page = document.Root, document.pages[0]
    launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F=pikepdf.String("SECRETPROGRAM"))
    uri = pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://example.org/SECRETLINK"))
    submit = pikepdf.Dictionary(S=pikepdf.Name.SubmitForm, F=pikepdf.String("https://example.org/SECRETFORM"))
    remote = pikepdf.Dictionary(S=pikepdf.Name.GoToR, F=pikepdf.String("SECRETREMOTE"))
    chained = pikepdf.Dictionary(S=pikepdf.Name.GoTo, D=pikepdf.Array([page.obj, pikepdf.Name.Fit]))
    chained.Next = pikepdf.Array([document.make_indirect(script()), launch])
    root.OpenAction = document.make_indirect(script())
    root.AA = pikepdf.Dictionary(WC=script())
    root.Names = pikepdf.Dictionary(
        JavaScript=pikepdf.Dictionary(Names=pikepdf.Array([pikepdf.String("x"), document.make_indirect(script())]))
    )
    root.AcroForm = pikepdf.Dictionary(
        XFA=document.make_stream(b"<SECRETXFA/>"),
        Fields=pikepdf.Array([]),
    )
    page.obj.AA = pikepdf.Dictionary(O=submit)

    def annotation(subtype: str, **entries: pikepdf.Object) -> pikepdf.Object:
        rect = pikepdf.Array([0, 0, 10, 10])
        return document.make_indirect(
            pikepdf.Dictionary(
                {"/Type": pikepdf.Name.Annot, "/Subtype": pikepdf.Name("/" + subtype), "/Rect": rect}
                | {f"/{key}": value for key, value in entries.items()}
            )
        )

    page.obj.Annots = pikepdf.Array(
        [
            annotation("Link", A=uri),
            annotation("Link", A=remote),
            annotation("Link", A=document.make_indirect(launch)),
            annotation("Link", A=chained),
            annotation("Widget", AA=pikepdf.Dictionary(K=script(), F=document.make_indirect(script()))),
            annotation("RichMedia", Contents=pikepdf.String("SECRETMEDIA")),
            annotation("FileAttachment", Contents=pikepdf.String("SECRETFILE")),
            annotation("Link", A=pikepdf.Dictionary(S=pikepdf.Name("/Newfangled"), Q=pikepdf.String("SECRETNEW"))),
            annotation("Text", Contents=pikepdf.String("a remark that stays")),
        ]
    )
    document.attachments["SECRETATTACHMENT.exe"] = b"MZ SECRETBYTES"
    return saved(document, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False)


def ofd(**extra: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("OFD.xml", "<ofd:OFD/>")
        archive.writestr("Doc_0/Document.xml", "<ofd:Document/>")
        for number in range(3):
            archive.writestr(f"Doc_0/Pages/Page_{number}/Content.xml", "<ofd:Page/>")
        for name, body in extra.items():
            archive.writestr(name, body)
    return out.getvalue()


def plain_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return out.getvalue()
