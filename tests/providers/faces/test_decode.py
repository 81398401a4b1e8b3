from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from providers.faces.decode import open_picture
from providers.faces.reasons import Reason, Refused


def saved(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def striped(width: int = 480, height: int = 640) -> Image.Image:
    """Upper half white, lower half black."""
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    pixels[: height // 2] = 255
    return Image.fromarray(pixels)


def bomb(width: int, height: int) -> bytes:
    """A PNG of some kilobytes that promises ``width`` × ``height`` white pixels and really holds them."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\0" + b"\xff" * (width // 8)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def refusal(data: bytes) -> Reason | None:
    try:
        open_picture(data, longest_side=640)
    except Refused as refused:
        return refused.reason
    return None


def test_sizes_and_grey() -> None:
    picture = open_picture(saved(striped(960, 1280)), longest_side=640)
    assert picture.rgb.shape == (640, 480, 3)
    assert picture.grey.shape == (640, 480)
    assert picture.thumbnail().shape == (160, 120)
    assert picture.grey_at(0.5).shape == (320, 240)


def test_small_pictures_are_not_enlarged() -> None:
    assert open_picture(saved(striped(200, 300), "PNG"), longest_side=640).grey.shape == (300, 200)


def test_exif_turns_the_picture_upright() -> None:
    lying = striped().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = open_picture(saved(lying, exif=exif.tobytes()), longest_side=640)
    assert picture.grey.shape == (640, 480)
    assert picture.grey[:300].mean() > 250
    assert picture.grey[340:].mean() < 5


@pytest.mark.parametrize(
    "data", [b"", b"no picture", b"\xff\xd8\xff", b"GIF89a" + bytes(50), b"\x89PNG\r\n\x1a\n" + bytes(9)]
)
def test_not_an_image(data: bytes) -> None:
    assert refusal(data) is Reason.NOT_AN_IMAGE


def test_other_formats_are_refused_though_pillow_reads_them() -> None:
    assert refusal(saved(striped(), "GIF")) is Reason.NOT_AN_IMAGE
    assert refusal(saved(striped(), "TIFF")) is Reason.NOT_AN_IMAGE


def test_cut_off_picture_is_refused() -> None:
    rng = np.random.default_rng(1)
    data = saved(Image.fromarray(rng.integers(0, 255, (640, 480, 3), dtype=np.uint8)))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert refusal(data[: len(data) // 2]) is Reason.NOT_AN_IMAGE


def test_bombs_are_judged_by_their_header() -> None:
    small_bomb = bomb(16_000, 6_000)
    assert len(small_bomb) < 25_000
    assert refusal(small_bomb) is Reason.IMAGE_TOO_LARGE
    assert refusal(bomb(4_800, 4_000)) is Reason.IMAGE_TOO_LARGE
    assert refusal(bomb(65_528, 4_000)) is Reason.IMAGE_TOO_LARGE


def test_tiny_picture() -> None:
    assert refusal(saved(striped(100, 100))) is Reason.IMAGE_TOO_SMALL
