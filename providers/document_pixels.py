"""What the image formats share: how large a picture may be, its pixels bare of everything else, its resolution, its
preview.
"""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image, ImageCms

from providers.document_child import Look, Refused

# A picture stands in memory once, and twice while it is turned or converted. 600 dpi A3 in grey is 70 million pixels of
# one byte, 600 dpi A4 in colour 35 million of four.
MAX_PIXELS = 100_000_000
MAX_PICTURE_BYTES = 200_000_000
PREVIEW_EDGE, PREVIEW_QUALITY = 800, 75
_DPI_LEAST, _DPI_MOST = 20, 9600
_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "LA": 4, "PA": 4, "I;16": 2, "I;16B": 2, "I;16L": 2}
_PROGRESSIVE_BYTES = 6  # libjpeg keeps all coefficients of a progressive picture
_TURNED = 5  # EXIF orientations from here on swap the edges

Dpi = tuple[float, float]


def check_size(image: Image.Image, modes: tuple[str, ...]) -> None:
    """On the header, before any decoding. ``modes``: those that need no conversion. Raises Refused."""
    pixels, each = image.width * image.height, _PIXEL_BYTES.get(image.mode, 4)
    need = each * (2 if orientation(image) > 1 else 1)
    if image.mode not in modes:
        need += 4
    if image.info.get("progressive"):
        need += _PROGRESSIVE_BYTES
    if not pixels or pixels > MAX_PIXELS or pixels * need > MAX_PICTURE_BYTES:
        raise Refused("document_too_complex", "too_many_pixels")


def orientation(image: Image.Image) -> int:
    """1 to 8 as EXIF counts; 1 for anything else."""
    try:
        found = image.getexif().get(0x0112, 1)
    except Exception:
        return 1  # broken metadata is no reason to refuse a picture: it is dropped anyway
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def upright(image: Image.Image) -> Image.Image:
    """The loaded picture turned as its orientation says. Nothing is copied where nothing turns."""
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def resolution(image: Image.Image) -> Dpi | None:
    """Dots per inch across and down as the file declares them, after turning; None if it does not or cannot mean it."""
    declared = None
    with suppress(Exception):
        declared = _declared(image)
    if declared is None or not all(_DPI_LEAST <= value <= _DPI_MOST for value in declared):
        return None
    return declared[::-1] if orientation(image) >= _TURNED else declared


def _declared(image: Image.Image) -> Dpi | None:
    if image.format in ("JPEG", "MPO"):
        if image.info.get("jfif_unit") in (1, 2):
            return _pair(image.info["dpi"])
        exif = image.getexif()  # Pillow's own reading makes 72 of what it cannot read
        scale = {2: 1.0, 3: 2.54}.get(exif.get(0x0128, 2))
        across, down = exif.get(0x011A), exif.get(0x011B)
        return None if scale is None or not across or not down else (float(across) * scale, float(down) * scale)
    found = image.info.get("dpi")
    return None if found is None else _pair(found)


def _pair(found: tuple[float, float]) -> Dpi:
    return float(found[0]), float(found[1])


def bare(image: Image.Image, modes: tuple[str, ...], see_through: bool) -> Image.Image:
    """In one of ``modes``, with nothing but pixels left for an encoder to find. Takes ``image`` apart."""
    image.load()
    if image.mode in ("I", "F"):
        raise Refused("document_type_refused", "not_allowed")  # measurements, not a scan
    if image.mode.startswith("I;16") and image.mode not in modes:
        image = image.convert("I").convert("I;16")
    if image.mode not in modes:
        keeps_alpha = see_through and (image.mode in ("PA", "La", "RGBa") or "transparency" in image.info)
        image = _from_cmyk(image) if image.mode == "CMYK" else image.convert("RGBA" if keeps_alpha else "RGB")
    page = Image.new(image.mode, (0, 0))
    page.im = image.im  # a plain image: formats' own classes carry tags, tables and profiles to the encoder
    page._size = image.im.size
    return page


def _from_cmyk(image: Image.Image) -> Image.Image:
    """Through the printer's profile where one is embedded; inks have no colour of their own."""
    profile = image.info.get("icc_profile")
    if profile:
        with suppress(Exception):
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            turned = ImageCms.profileToProfile(image, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if turned is not None:
                return turned
    return image.convert("RGB")


def look(page: Image.Image, dpi: Dpi | None) -> Look:
    """Size, the lower of the two resolutions, and the preview."""
    lowest = None if dpi is None else round(min(dpi))
    return Look(page.width, page.height, lowest, preview(page))


def preview(page: Image.Image) -> bytes:
    """A JPEG of at most PREVIEW_EDGE pixels on the long edge, on white."""
    small = _reduced(page)
    if small.mode in ("LA", "RGBA"):
        paper = Image.new("RGBA", small.size, "white")
        paper.alpha_composite(small.convert("RGBA"))
        small = paper
    if small.mode != "L":
        small = small.convert("RGB")
    small.thumbnail((PREVIEW_EDGE, PREVIEW_EDGE))
    out = io.BytesIO()
    small.save(out, "JPEG", quality=PREVIEW_QUALITY)
    return out.getvalue()


def _reduced(page: Image.Image) -> Image.Image:
    """Smaller by a whole number, at most four times the preview's edge, without a full-size copy where possible."""
    factor = max(1, max(page.size) // (2 * PREVIEW_EDGE))
    if page.mode in ("L", "RGB"):
        return page.reduce(factor) if factor > 1 else page
    if page.mode == "1":
        return page.convert("L").reduce(factor)
    small = page.resize((max(1, page.width // factor), max(1, page.height // factor)), Image.Resampling.NEAREST)
    if small.mode.startswith("I;16"):
        return small.convert("I").point(lambda value: value / 256).convert("L")
    return small
