"""Images decoded and encoded anew: upright, without metadata, profiles or anything hidden behind the picture."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

from PIL import Image, ImageFile, ImageOps, ImageSequence
from PIL.TiffImagePlugin import AppendingTiffWriter

from providers.document_child import Cleaned, Refused, serve

MAX_PIXELS = 60_000_000
MAX_PAGES = 200
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/tiff": "TIFF"}
_MODES = {
    "JPEG": ("L", "RGB"),
    "PNG": ("1", "L", "LA", "RGB", "RGBA", "I;16"),
    "TIFF": ("1", "L", "RGB", "RGBA", "I;16"),
}
_JPEG_QUALITY = 92


def clean_image(data: bytes, media_type: str) -> Cleaned:
    """Same format, every page of a TIFF, the first picture of anything animated. Raises Refused."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # our own check below runs on the header, before any decoding
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    kind = _FORMATS[media_type]
    with Image.open(io.BytesIO(data), formats=(kind,)) as image:
        _check_size(image)
        if kind == "TIFF":
            return _clean_tiff(image)
        ImageOps.exif_transpose(image, in_place=True)  # a copy would double the memory of a large scan
        page, out = _bare(image, kind), io.BytesIO()
        if kind == "JPEG":
            page.save(out, "JPEG", quality=_JPEG_QUALITY)
        else:
            page.save(out, "PNG")
        return Cleaned(out.getvalue(), 1, page.width, page.height)


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise Refused("document_too_complex", "too_many_pixels")


def _bare(page: Image.Image, kind: str) -> Image.Image:
    """In a mode ``kind`` can hold, with nothing but pixels left for the encoder to find."""
    page.load()
    if page.mode not in _MODES[kind]:
        see_through = kind == "PNG" and (page.mode in ("PA", "La", "RGBa") or "transparency" in page.info)
        page = page.convert("RGBA" if see_through else "RGB")
    page.info.clear()
    return page


def _clean_tiff(image: Image.Image) -> Cleaned:
    out = io.BytesIO()
    size, pages = (0, 0), 0
    with AppendingTiffWriter(out, new=True) as writer:
        for page, compression in _tiff_pages(image):
            page.save(writer, "TIFF", compression=compression)
            writer.newFrame()
            size, pages = size if pages else page.size, pages + 1
    if not pages:
        raise Refused("document_unreadable", "no_pages")
    return Cleaned(out.getvalue(), pages, *size)


def _tiff_pages(image: Image.Image) -> Iterator[tuple[Image.Image, str]]:
    """One page in memory at a time, compressed without loss unless it came as JPEG."""
    for number, frame in enumerate(ImageSequence.Iterator(image)):
        if number >= MAX_PAGES:
            raise Refused("document_too_complex", "too_many_pages")
        _check_size(frame)
        was_jpeg = frame.info.get("compression") == "jpeg"
        page = _bare(ImageOps.exif_transpose(frame), "TIFF")  # a copy: the opened file would pass its tags on
        if page.mode == "1":
            yield page, "group4"
        else:
            yield page, "jpeg" if was_jpeg and page.mode in ("L", "RGB") else "tiff_adobe_deflate"


if __name__ == "__main__":
    serve(clean_image)
