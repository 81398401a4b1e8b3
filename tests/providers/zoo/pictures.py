"""JPEG and PNG: honest ones of every make, and those that hide, lie or burst."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image, PngImagePlugin

from app.file_ports import CleanDocument
from providers.documents import JPEG, PNG
from tests.providers.document_zoo import encoded, picture, plain_zip, png_bomb, png_chunk
from tests.providers.zoo.case import MARKER, Case

DAMAGED = ("document_unreadable",)
COMPLEX = ("document_too_complex",)
EITHER = ("document_unreadable", "document_too_complex")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def jpeg(mode: str = "RGB", size: tuple[int, int] = (60, 40), **options: object) -> bytes:
    return encoded(picture(*size, mode), "JPEG", **options)


def turned(orientation: int) -> bytes:
    """Dark half left as stored; the tag says how to hold it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = MARKER.decode()
    return jpeg(exif=exif, dpi=(300, 200))


def dark_side(orientation: int) -> Callable[[CleanDocument], list[str]]:
    """Where the dark half must be after turning: left, right, top or bottom (TIFF 6.0, tag 274)."""
    side = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}[orientation]

    def check(done: CleanDocument) -> list[str]:
        image = Image.open(io.BytesIO(done.data)).convert("L")
        width, height = image.size
        spots = {
            "left": (3, height // 2), "right": (width - 4, height // 2),
            "top": (width // 2, 3), "bottom": (width // 2, height - 4),
        }  # fmt: skip
        opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[side]
        dark, light = image.getpixel(spots[side]), image.getpixel(spots[opposite])
        upright = float(str(dark)) < 60 and float(str(light)) > 190
        faults = [] if upright else [f"dark side is not {side}"]
        return [*faults, "metadata is left"] if dict(image.getexif()) else faults

    return check


def mode_is(*modes: str) -> Callable[[CleanDocument], list[str]]:
    def check(done: CleanDocument) -> list[str]:
        found = Image.open(io.BytesIO(done.data)).mode
        return [] if found in modes else [f"mode is {found}, expected {modes}"]

    return check


def no_profile(done: CleanDocument) -> list[str]:
    return ["a profile is left"] if Image.open(io.BytesIO(done.data)).info.get("icc_profile") else []


def exif_resolution_only() -> bytes:
    exif = Image.Exif()
    exif[0x011A], exif[0x011B], exif[0x0128] = 240.0, 240.0, 2
    return jpeg(exif=exif)


def several_pictures() -> bytes:
    """A multi-picture JPEG; the second carries the payload."""
    out = io.BytesIO()
    picture().save(out, "MPO", save_all=True, append_images=[picture(30, 30)])
    return out.getvalue() + MARKER


def jpeg_claiming(width: int, height: int) -> bytes:
    """A small JPEG whose frame header says it is huge."""
    data = bytearray(jpeg())
    at = data.find(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def many_segments() -> bytes:
    data = jpeg()
    return data[:2] + b"\xff\xfe\x00\x15" + MARKER + b"\xff\xfe\x00\x02" * 200_000 + data[2:]


def many_scans() -> bytes:
    """A progressive JPEG that refines the same coefficients over and over (libjpeg's known weak spot)."""
    data = encoded(Image.new("L", (6000, 6000), 128), "JPEG", progressive=True)
    last = data.rfind(b"\xff\xda")
    return data[:last] + data[last:-2] * 3000 + data[-2:]


def bits_flipped() -> bytes:
    data = bytearray(encoded(Image.effect_noise((200, 200), 90), "PNG"))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


def png(mode: str = "RGB", **options: object) -> bytes:
    return encoded(picture(mode=mode), "PNG", **options)


def with_text() -> bytes:
    words = PngImagePlugin.PngInfo()
    words.add_text("Comment", MARKER.decode())
    words.add_text("Packed", MARKER.decode() * 50, zip=True)
    words.add_itxt("XML:com.adobe.xmp", f"<x>{MARKER.decode()}</x>")
    return png(pnginfo=words)


def with_chunk(kind: bytes, body: bytes) -> bytes:
    data = png()
    return data[:33] + png_chunk(kind, body) + data[33:]


@cache
def packed_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def overfull() -> bytes:
    """Forty pixels square by its header, 300 MB in its data."""
    head = struct.pack(">IIBBBBB", 40, 40, 8, 2, 0, 0, 0)
    return PNG_HEAD + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", packed_zeros(300)) + png_chunk(b"IEND", b"")


def sized(width: int, height: int) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_HEAD + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")


def animated() -> bytes:
    out = io.BytesIO()
    picture().save(out, "PNG", save_all=True, append_images=[picture(mode="RGB").rotate(180)], duration=100)
    return out.getvalue()


def one_picture(done: CleanDocument) -> list[str]:
    return ["still animated"] if getattr(Image.open(io.BytesIO(done.data)), "n_frames", 1) != 1 else []


def see_through_palette() -> bytes:
    return encoded(picture(mode="P"), "PNG", transparency=0)


def sixteen_bit() -> bytes:
    return encoded(picture(mode="L").convert("I").convert("I;16"), "PNG")


JPEGS = [
    *[Case(f"jpeg held {n}", lambda n=n: turned(n), JPEG, marked=True,  # type: ignore[misc]
           size=(60, 40) if n < 5 else (40, 60), dpi=200, check=dark_side(n)) for n in range(1, 9)],
    Case("jpeg grey 300 dpi", lambda: jpeg("L", dpi=(300, 300)), JPEG, size=(60, 40), dpi=300, check=mode_is("L")),
    Case("jpeg cmyk without a profile", lambda: jpeg("CMYK"), JPEG, check=mode_is("RGB")),
    Case("jpeg cmyk with a broken profile", lambda: jpeg("CMYK", icc_profile=b"ICC" + MARKER), JPEG, marked=True,
         check=mode_is("RGB")),
    Case("jpeg with a colour profile", lambda: jpeg(icc_profile=MARKER * 9), JPEG, marked=True, check=no_profile),
    Case("jpeg progressive", lambda: jpeg(size=(900, 700), progressive=True, dpi=(600, 600)), JPEG, size=(900, 700),
         dpi=600),
    Case("jpeg with resolution in exif alone", exif_resolution_only, JPEG, dpi=240),
    Case("jpeg with no resolution", jpeg, JPEG, dpi=None),
    Case("jpeg with an impossible resolution", lambda: jpeg(dpi=(1, 1)), JPEG, dpi=None),
    Case("jpeg with a comment", lambda: jpeg(comment=MARKER), JPEG, marked=True),
    Case("jpeg with php behind it", lambda: jpeg() + b"<?php system($_GET[0]); " + MARKER, JPEG, marked=True),
    Case("jpeg with a zip behind it", lambda: jpeg() + plain_zip() + MARKER, JPEG, marked=True),
    Case("jpeg of several pictures", several_pictures, JPEG, marked=True, check=one_picture),
    Case("jpeg with 200,000 comments", many_segments, JPEG, marked=True),
    Case("jpeg with 3,000 scans", many_scans, refused=EITHER),
    Case("jpeg cut in half", lambda: jpeg(size=(300, 300))[:1500], refused=DAMAGED),
    Case("jpeg of 65,500 pixels square", lambda: jpeg_claiming(65500, 65500), refused=COMPLEX),
    Case("jpeg that claims more than it holds", lambda: jpeg_claiming(500, 500), JPEG, size=(500, 500)),  # grey
    Case("jpeg head, then noise", lambda: b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20, refused=DAMAGED),
]  # fmt: skip

PNGS = [
    *[Case(f"png {mode} with a tail", lambda mode=mode: png(mode, dpi=(300, 300)) + MARKER, PNG,  # type: ignore[misc]
           size=(60, 40), dpi=300, marked=True) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")],
    Case("png grey 16 bit", lambda: sixteen_bit() + MARKER, PNG, marked=True, check=mode_is("I;16")),
    Case("png palette with a see-through colour", lambda: see_through_palette() + MARKER, PNG, marked=True,
         check=mode_is("RGBA")),
    Case("png with texts", with_text, PNG, marked=True),
    Case("png with an unknown chunk", lambda: with_chunk(b"evIL", MARKER), PNG, marked=True),
    Case("png with exif", lambda: with_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0" + MARKER), PNG, marked=True),
    Case("png animated", lambda: animated() + MARKER, PNG, marked=True, check=one_picture),
    Case("png with aspect, not resolution", lambda: with_chunk(b"pHYs", struct.pack(">IIB", 11811, 11811, 0)) + MARKER,
         PNG, marked=True, dpi=None),
    Case("png text that unpacks to 300 MB", lambda: with_chunk(b"zTXt", b"k\0\0" + packed_zeros(300)),
         refused=DAMAGED),
    Case("png profile that unpacks to 300 MB", lambda: with_chunk(b"iCCP", b"k\0\0" + packed_zeros(300)),
         refused=DAMAGED),
    Case("png bomb of 14,000 pixels square", lambda: png_bomb(14_000), refused=COMPLEX),
    Case("png bomb within the pixel limit", lambda: png_bomb(7_000, 100_000), refused=EITHER),
    Case("png with 300 MB behind 40 pixels", lambda: overfull() + MARKER, PNG, marked=True, size=(40, 40)),
    Case("png of no pixels", lambda: sized(0, 40), refused=EITHER),
    Case("png of two thousand million pixels across", lambda: sized(2**31 - 1, 1), refused=EITHER),
    Case("png with a bit flipped", bits_flipped, refused=DAMAGED),
    Case("png cut in half", lambda: png()[:70], refused=DAMAGED),
]  # fmt: skip
