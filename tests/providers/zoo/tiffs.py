"""TIFF: many pages, many compressions, tags that lead astray."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable

from PIL import Image, ImageSequence, TiffImagePlugin

from app.file_ports import CleanDocument
from providers.documents import TIFF
from tests.providers.document_zoo import encoded, picture, plain_zip, tiff
from tests.providers.zoo.case import MARKER, Case

DAMAGED = ("document_unreadable",)
COMPLEX = ("document_too_complex",)
Tag = tuple[int, int, int, int]  # number, type, count, value or offset
EITHER = ("document_unreadable", "document_too_complex")


def single(mode: str = "L", **options: object) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270] = MARKER.decode()
    return encoded(picture(mode=mode), "TIFF", tiffinfo=tags, **options)


def several(images: Iterable[Image.Image], **options: object) -> bytes:
    first, *others = images
    return encoded(first, "TIFF", save_all=True, append_images=others, **options)


def turned() -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274], tags[270] = 6, MARKER.decode()
    return encoded(picture(mode="L"), "TIFF", tiffinfo=tags, dpi=(300, 200))


def sizes(*expected: tuple[int, int]) -> Callable[[CleanDocument], list[str]]:
    def check(done: CleanDocument) -> list[str]:
        found = tuple(page.size for page in ImageSequence.Iterator(Image.open(io.BytesIO(done.data))))
        return [] if found == expected else [f"pages are {found}"]

    return check


def directory(entries: list[Tag], after: int = 0, order: str = "<") -> bytes:
    """A TIFF of one hand-made directory at byte 8, with 4,000 bytes of data behind it."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    body = struct.pack(order + "H", len(entries))
    body += b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
    return head + body + struct.pack(order + "I", after) + bytes(4000)


def grey(
    width: int, height: int, *more: tuple[int, int, int, int], offset: int = 300
) -> list[tuple[int, int, int, int]]:
    """Tags of an uncompressed grey picture in one strip."""
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, min(width * height, 2**31)), *more,
    ]  # fmt: skip
    return sorted(tags)


TIFFS = [
    Case("tiff G4 of mixed sizes", lambda: tiff(3), TIFF, pages=3, size=(60, 40),
         check=sizes((60, 40), (70, 40), (80, 40))),
    Case("tiff LZW 300 dpi", lambda: single("RGB", compression="tiff_lzw", dpi=(300, 300)), TIFF, marked=True, dpi=300),
    Case("tiff JPEG inside", lambda: single("RGB", compression="jpeg", dpi=(300, 300)), TIFF, marked=True, dpi=300),
    Case("tiff packbits", lambda: single("L", compression="packbits"), TIFF, marked=True),
    Case("tiff uncompressed", lambda: single("L"), TIFF, marked=True),
    Case("tiff 16 bit", lambda: encoded(picture(mode="L").convert("I").convert("I;16"), "TIFF") + MARKER, TIFF,
         marked=True),
    Case("tiff big-endian 16 bit", lambda: encoded(picture(mode="L").convert("I").convert("I;16B"), "TIFF") + MARKER,
         TIFF, marked=True),
    Case("tiff cmyk", lambda: single("CMYK"), TIFF, marked=True),
    Case("tiff palette", lambda: single("P"), TIFF, marked=True),
    Case("tiff with alpha", lambda: single("RGBA"), TIFF, marked=True),
    Case("tiff in centimetres", lambda: single("L", resolution_unit="cm", x_resolution=120.0, y_resolution=120.0), TIFF,
         marked=True, dpi=305),
    Case("tiff held sideways", turned, TIFF, marked=True, size=(40, 60), dpi=200),
    Case("bigtiff", lambda: encoded(picture(mode="L"), "TIFF", big_tiff=True, dpi=(300, 300)) + MARKER, TIFF,
         marked=True, dpi=300),
    Case("tiff with a zip behind it", lambda: tiff(1) + plain_zip() + MARKER, TIFF, marked=True),
    Case("tiff whose next page is itself", lambda: directory(grey(20, 20), after=8), TIFF, size=(20, 20)),
    Case("tiff of 201 pages", lambda: tiff(201), refused=COMPLEX),
    Case("tiff of 100,000 pixels square", lambda: directory(grey(100_000, 100_000)), refused=COMPLEX),
    Case("tiff whose second page is huge",
         lambda: several([Image.new("1", (50, 50)), Image.new("1", (12_000, 12_000))], compression="group4"),
         refused=COMPLEX),
    # nearly all the time there is: on a slow machine it is refused, on a quick one taken, within the cost either way
    Case("tiff of ten large empty pages",
         lambda: several([Image.new("L", (7000, 7000))] * 10, compression="tiff_adobe_deflate") + MARKER, TIFF,
         refused=COMPLEX, marked=True, pages=10, size=(7000, 7000)),
    Case("tiff whose strip lies outside", lambda: directory(grey(60, 60, offset=2**31)), refused=DAMAGED),
    Case("tiff with a tag of two thousand million values", lambda: directory(grey(20, 20, (270, 2, 2**31, 300))), TIFF,
         size=(20, 20)),
    Case("tiff of 32-bit measurements", lambda: encoded(Image.new("F", (20, 20)), "TIFF"),
         refused=("document_type_refused",)),
    Case("tiff without a directory", lambda: b"II*\0" + bytes(200), refused=DAMAGED),
    Case("tiff cut in half", lambda: several([Image.effect_noise((90, 90), 60)] * 2, compression="tiff_lzw")[:9000],
         refused=DAMAGED),
]  # fmt: skip
