"""From untrusted bytes to pixels of a size we can afford."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from providers.faces.reasons import Reason, Refused

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG")
MAX_PIXELS = 16_000_000
MIN_SIDE = 160


@dataclass(frozen=True, slots=True)
class Picture:
    """Upright pixels: ``rgb`` height × width × 3 and its ``grey`` height × width."""

    rgb: Pixels
    grey: Pixels

    def grey_at(self, factor: float) -> Pixels:
        """The grey picture made smaller by ``factor`` (0..1)."""
        height, width = self.grey.shape
        size = (round(width * factor), round(height * factor))
        return np.asarray(Image.fromarray(self.grey).resize(size, Image.Resampling.BILINEAR))

    def thumbnail(self) -> Pixels:
        """The grey picture at a quarter of its sides, by mean: noise fades, movement stays."""
        return np.asarray(Image.fromarray(self.grey).reduce(4))


def open_picture(data: bytes, *, longest_side: int) -> Picture:
    """Decode a JPEG or PNG, turned upright by its EXIF flag and made no longer than ``longest_side``.

    The size in the header is judged before any pixel is decoded. Raises Refused (NOT_AN_IMAGE, IMAGE_TOO_LARGE,
    IMAGE_TOO_SMALL), never anything else.
    """
    try:
        with warnings.catch_warnings():
            # Pillow only warns about bombs of medium size; here the header is judged below, by our own limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                _check_header(opened)
                return _decode(opened, longest_side)
    except Refused:
        raise
    except Image.DecompressionBombError:
        raise Refused(Reason.IMAGE_TOO_LARGE) from None
    except Exception:
        # decoders fed with arbitrary bytes raise nearly anything; to us all of it means the same
        raise Refused(Reason.NOT_AN_IMAGE) from None


def _check_header(opened: Image.Image) -> None:
    width, height = opened.size
    if width * height > MAX_PIXELS:
        raise Refused(Reason.IMAGE_TOO_LARGE)
    if min(width, height) < MIN_SIDE:
        raise Refused(Reason.IMAGE_TOO_SMALL)


def _decode(opened: Image.Image, longest_side: int) -> Picture:
    opened.draft("RGB", (longest_side, longest_side))  # a big JPEG is halved while decoding
    upright = ImageOps.exif_transpose(opened).convert("RGB")
    upright.thumbnail((longest_side, longest_side), Image.Resampling.BILINEAR)
    return Picture(rgb=np.asarray(upright), grey=np.asarray(upright.convert("L")))
