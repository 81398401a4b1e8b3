"""PDFs made to exhaust, to loop, or to be locked."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pikepdf

from providers.documents import PDF
from tests.providers.document_zoo import pdf, plain_zip, saved
from tests.providers.zoo.case import Case
from tests.providers.zoo.papers import scan
from tests.providers.zoo.pictures import packed_zeros

LOCKED = ("document_encrypted",)
DAMAGED = ("document_unreadable",)
COMPLEX = ("document_too_complex",)
EITHER = ("document_unreadable", "document_too_complex")


def written(objects: list[bytes], root: int = 1, prev: int | None = None) -> bytes:
    """A PDF by hand: object n is ``objects[n - 1]``."""
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.7\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n" % number + body + b"\nendobj\n")
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    more = b"" if prev is None else b"/Prev %d" % (table if prev < 0 else prev)
    out.write(b"trailer\n<</Size %d/Root %d 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, more, table))
    return out.getvalue()


def stream(data: bytes, words: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>\nstream\n" % (words, len(data)) + data + b"\nendstream"


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 200 300]>>"


def one_page(contents: bytes, *more: bytes, resources: bytes = b"") -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<%s>>>>" % resources
    return written([CATALOG, PAGES, page, contents, *more])


def packed_content(megabytes: int) -> bytes:
    return one_page(stream(packed_zeros(megabytes), b"/Filter/FlateDecode"))


def twice_packed() -> bytes:
    return one_page(stream(zlib.compress(packed_zeros(300), 9), b"/Filter[/FlateDecode/FlateDecode]"))


def many_bombs() -> bytes:
    """Each within the limit of one, all together far beyond."""
    packed = stream(packed_zeros(120), b"/Filter/FlateDecode")
    return one_page(*[packed] * 12)


def run_lengths() -> bytes:
    return one_page(stream(zlib.compress(b"\x81\x00" * 4_000_000, 9), b"/Filter[/FlateDecode/RunLengthDecode]"))


def lzw(rounds: int = 45) -> bytes:
    """Ever longer runs of one byte, nine to twelve bits a code: 7 MB a round, 5 kB packed."""
    codes = [256, 0, *range(258, 4094)]
    widths = [9, 9, *(min(12, (code + 1).bit_length()) for code in range(258, 4094))]
    bits = "".join(format(code, f"0{width}b") for code, width in zip(codes, widths, strict=True))
    clear = format(256, "012b")  # said in the width that the round before had reached
    bits = bits + (clear + bits[9:]) * (rounds - 1)
    data = int(bits + "0" * (-len(bits) % 8), 2).to_bytes((len(bits) + 7) // 8, "big")
    return one_page(stream(data, b"/Filter/LZWDecode"))


def font_bomb() -> bytes:
    font = b"/Font<</F<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor 5 0 R>>>>"
    descriptor = b"<</Type/FontDescriptor/FontName/X/FontFile2 6 0 R>>"
    file = stream(packed_zeros(300), b"/Filter/FlateDecode/Length1 9")
    return one_page(stream(b"BT /F 9 Tf (x) Tj ET"), descriptor, file, resources=font)


def picture_page(words: bytes, data: bytes) -> bytes:
    image = stream(data, b"/Type/XObject/Subtype/Image/ColorSpace/DeviceGray/BitsPerComponent 8" + words)
    return one_page(stream(b"200 0 0 300 0 0 cm /I Do"), image, resources=b"/XObject<</I 5 0 R>>")


def jpx(width: int, height: int) -> bytes:
    size = struct.pack(">HHIIIIIIIIH", 41, 0, width, height, 0, 0, width, height, 0, 0, 1) + b"\x07\x01\x01"
    return picture_page(b"/Filter/JPXDecode/Width 10/Height 10", b"\xff\x4f\xff\x51" + size + b"\xff\xd9")


def object_stream_bomb() -> bytes:
    """The catalogue lies in an object stream of 400 MB; the cross-reference stream is honest."""
    packed = zlib.compressobj(9)
    body = packed.compress(b"1 0 " + b"<</Type/Catalog/Pages 2 0 R>>")
    body += b"".join(packed.compress(b" " * (1 << 20)) for _ in range(400)) + packed.flush()
    out = b"%PDF-1.5\n"
    holder = len(out)
    out += b"3 0 obj\n" + stream(body, b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode") + b"\nendobj\n"
    table = len(out)
    rows = struct.pack(">BIB", 0, 0, 0) + struct.pack(">BIB", 2, 3, 0) + struct.pack(">BIB", 0, 0, 0)
    rows += struct.pack(">BIB", 1, holder, 0) + struct.pack(">BIB", 1, table, 0)
    return (
        out
        + b"4 0 obj\n"
        + stream(rows, b"/Type/XRef/Size 5/W[1 4 1]/Root 1 0 R")
        + (b"\nendobj\nstartxref\n%d\n%%%%EOF\n" % table)
    )


def deep() -> bytes:
    return written([CATALOG, PAGES, b"<</Type/Page/Parent 2 0 R/X " + b"[" * 200_000 + b"]" * 200_000 + b">>"])


def own_grandfather() -> bytes:
    return written(
        [CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Pages/Kids[2 0 R]/Count 1/Parent 2 0 R>>"]
    )


def same_page(times: int) -> bytes:
    kids = b" ".join([b"3 0 R"] * times)
    return written([CATALOG, b"<</Type/Pages/Kids[%s]/Count %d/MediaBox[0 0 9 9]>>" % (kids, times),
                    b"<</Type/Page/Parent 2 0 R>>"])  # fmt: skip


def draws_itself() -> bytes:
    form = stream(b"/F Do /F Do", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>")
    return one_page(stream(b"/F Do"), form, resources=b"/XObject<</F 5 0 R>>")


def laughs() -> bytes:
    """Forms that draw the next form ten times each, nine deep."""
    forms = [
        stream(b"/F Do " * 10, b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>" % (n + 1))
        for n in range(5, 14)
    ]
    last = stream(b"0 0 9 9 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    return one_page(stream(b"/F Do"), *forms, last, resources=b"/XObject<</F 5 0 R>>")


def slow_to_draw() -> bytes:
    dice = random.Random(3)
    words = b"".join(b"%d %d m %d %d l S\n" % tuple(dice.randrange(300) for _ in range(4)) for _ in range(1000))
    return one_page(stream(zlib.compress(words * 600, 9), b"/Filter/FlateDecode"))


def many_objects() -> bytes:
    return written([CATALOG, PAGES, b"<</Type/Page/Parent 2 0 R>>", *[b"0"] * 15_000])


def locked(**options: object) -> bytes:
    return saved(pdf(), encryption=pikepdf.Encryption(**options))  # type: ignore[arg-type]


def broken_table() -> bytes:
    data = saved(scan(), object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return data.replace(b"startxref\n", b"startxref\n9", 1)


TRAPS = [
    Case("pdf that asks for a password", lambda: locked(user="u", owner="o"), refused=LOCKED, claim=PDF),
    Case("pdf with an owner's password only", lambda: locked(user="", owner="o"), refused=LOCKED),
    Case("pdf locked with RC4", lambda: locked(user="", owner="o", R=3, aes=False, metadata=False), refused=LOCKED),
    Case("pdf without pages", lambda: saved(pdf(0)), refused=DAMAGED),
    Case("pdf of 2,001 pages", lambda: same_page(2001), refused=COMPLEX),
    Case("pdf of 60,000 times the same page", lambda: same_page(60_000), refused=COMPLEX),
    Case("pdf whose pages are their own grandfather", own_grandfather, refused=DAMAGED),
    Case("pdf whose table leads to itself", lambda: written([CATALOG, PAGES, b"<</Type/Page>>"], prev=-1),
         refused=DAMAGED),
    Case("pdf nested 200,000 deep", deep, refused=EITHER),
    Case("pdf page that unpacks to 300 MB", lambda: packed_content(300), refused=COMPLEX),
    Case("pdf packed twice", twice_packed, refused=COMPLEX),
    Case("pdf of twelve bombs", many_bombs, refused=COMPLEX),
    Case("pdf of packed run lengths", run_lengths, refused=COMPLEX),
    Case("pdf of LZW that grows", lzw, refused=COMPLEX),
    Case("pdf with a font of 300 MB", font_bomb, refused=COMPLEX),
    Case("pdf with an object stream of 400 MB", object_stream_bomb, refused=EITHER),
    Case("pdf with a JBIG2 picture of 60,000 pixels square",
         lambda: picture_page(b"/Filter/JBIG2Decode/Width 60000/Height 60000", b"\0" * 40), refused=COMPLEX),
    Case("pdf with a JPEG 2000 picture of 60,000 pixels square", lambda: jpx(60_000, 60_000), refused=COMPLEX),
    Case("pdf with a raw picture that claims more than it holds",
         lambda: picture_page(b"/Width 12000/Height 12000", b"\0" * 40), PDF, dpi=3527),
    Case("pdf form that draws itself", draws_itself, PDF, preview=False),
    Case("pdf of a thousand million forms", laughs, PDF, preview=False),
    Case("pdf of 600,000 strokes", slow_to_draw, PDF, preview=False),
    Case("pdf of 15,000 objects", many_objects, PDF),
    Case("pdf cut in half", lambda: saved(scan())[:3000], refused=DAMAGED),
    Case("pdf with a wrong table", broken_table, refused=DAMAGED),
    Case("pdf behind a zip", lambda: plain_zip() + saved(pdf()), refused=("document_type_refused",)),
    Case("pdf head, then noise", lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(5000), refused=DAMAGED),
]  # fmt: skip
