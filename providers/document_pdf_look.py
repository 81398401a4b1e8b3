"""The first page of a PDF as PDFium sees it: the scan on it, how finely it was scanned, and a preview."""

from __future__ import annotations

from collections.abc import Iterator

import pypdfium2
from pypdfium2 import raw

from providers.document_child import Look
from providers.document_pixels import PREVIEW_EDGE, preview

_POINTS = 72.0
_MAX_OBJECTS = 5000
_MAX_DEPTH = 3
_LEAST_SHARE = 0.05  # of the page: smaller pictures are logos and seals, not the scan


def look(data: bytes) -> Look:
    """``dpi`` is that of the largest picture on the page: its pixels by its inches on paper; None without one."""
    document = pypdfium2.PdfDocument(data)
    page = document[0]
    width, height = page.get_size()
    scale = min(PREVIEW_EDGE / max(width, height, 1.0), 4.0)
    found = max(_pictures(page, width * height), key=lambda p: p[0], default=None)
    dpi = None if found is None else round(found[1])
    image = page.render(scale=scale, may_draw_forms=False).to_pil()
    if dpi is None:
        return Look(preview=preview(image))
    return Look(round(width / _POINTS * dpi), round(height / _POINTS * dpi), dpi, preview(image))


def _pictures(page: pypdfium2.PdfPage, paper: float) -> Iterator[tuple[float, float]]:
    """Area in points and resolution of each picture that covers a fair share of the page."""
    for number, item in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=_MAX_DEPTH)):
        if number >= _MAX_OBJECTS:
            return
        left, bottom, right, top = item.get_bounds()
        across, down = right - left, top - bottom
        if across <= 0 or down <= 0 or across * down < paper * _LEAST_SHARE:
            continue
        pixels_across, pixels_down = item.get_px_size()
        yield across * down, ((pixels_across * pixels_down) / (across * down)) ** 0.5 * _POINTS
