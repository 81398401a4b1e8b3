"""Images decoded and encoded anew: upright, with their resolution, and without metadata, profiles or anything hidden
behind the picture.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, ImageFile, ImageSequence, JpegImagePlugin, MpoImagePlugin, PngImagePlugin
from PIL.TiffImagePlugin import AppendingTiffWriter

from providers.document_child import Cleaned, Look, Refused
from providers.document_pixels import Dpi, bare, check_size, look, resolution, upright

MAX_PAGES = 200
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF"}
_MODES: dict[str, tuple[str, ...]] = {
    "JPEG": ("L", "RGB"),
    "PNG": ("1", "L", "LA", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "RGB", "RGBA", "I;16"),
}
_JPEG_QUALITY = 92
_PNG_LEVEL = 3  # a third of the default's time for a few percent of size
# Loaded here, before any child is forked: Pillow would otherwise look for its plugins in each.
_PLUGINS = (JpegImagePlugin.JpegImageFile, MpoImagePlugin.MpoImageFile, PngImagePlugin.PngImageFile)


def clean_image(data: bytes, media_type: str) -> Cleaned:
    """Same format, every page of a TIFF, the first picture of anything animated. Raises Refused."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # our own check runs on the header, before any decoding
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    kind = _FORMATS[media_type]
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        if kind == "TIFF":
            return _clean_tiff(image)
        if kind == "PNG":
            _check_sums(data)
        page, dpi = _page(image, kind)
    out = io.BytesIO()
    more = {} if dpi is None else {"dpi": dpi}
    if kind == "JPEG":
        page.save(out, "JPEG", quality=_JPEG_QUALITY, **more)
    else:
        page.save(out, "PNG", compress_level=_PNG_LEVEL, **more)
    return Cleaned(out.getvalue(), 1, lambda: look(page, dpi))


def _check_sums(data: bytes) -> None:
    """Pillow reads a picture without its check sums; a flipped bit in evidence may not pass for the original."""
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.verify()


def _page(image: Image.Image, kind: str) -> tuple[Image.Image, Dpi | None]:
    check_size(image, _MODES[kind])
    dpi = resolution(image)
    image.load()
    return bare(upright(image), _MODES[kind], see_through=kind == "PNG"), dpi


def _clean_tiff(image: Image.Image) -> Cleaned:
    out, seen, pages = io.BytesIO(), Look(), 0
    with AppendingTiffWriter(out, new=True) as writer:
        for frame in ImageSequence.Iterator(image):
            if pages >= MAX_PAGES:
                raise Refused("document_too_complex", "too_many_pages")
            seen = _append(writer, frame, seen)
            pages += 1
    return Cleaned(out.getvalue(), pages, lambda: seen)


def _append(writer: AppendingTiffWriter, frame: Image.Image, seen: Look) -> Look:
    """One page in memory at a time, compressed without loss unless it came as JPEG. Answers the first page's look."""
    was_jpeg = frame.info.get("compression") == "jpeg"
    page, dpi = _page(frame, "TIFF")
    compression = "jpeg" if was_jpeg and page.mode in ("L", "RGB") else "tiff_adobe_deflate"
    more = {} if dpi is None else {"dpi": dpi}
    page.save(writer, "TIFF", compression="group4" if page.mode == "1" else compression, **more)
    writer.newFrame()
    return seen if seen.preview else look(page, dpi)
