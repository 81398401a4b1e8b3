"""Reading a PDF as a reader program does: its text, its fonts, what it says it is."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pikepdf
import pypdfium2
import segno


def text_of(pdf: bytes) -> str:
    """The words in reading order. PDFium gives a hyphen at the end of a line as U+FFFE; here it is a hyphen again."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document).replace("\ufffe", "-")
    finally:
        document.close()


def fonts_of(pdf: bytes) -> dict[str, bool]:
    """Name -> whether its file is inside."""
    found: dict[str, bool] = {}
    with pikepdf.open(io.BytesIO(pdf)) as document:
        for page in document.pages:
            fonts: Any = page.Resources.get("/Font", {})
            for font in fonts.values():
                descriptor = font.DescendantFonts[0].FontDescriptor
                embedded = any(name in descriptor for name in ("/FontFile", "/FontFile2", "/FontFile3"))
                found[str(font.BaseFont)] = embedded
    return found


def conformance_of(pdf: bytes) -> str:
    """As '2U'; empty when the file claims nothing."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return str(document.open_metadata().pdfa_status)


def shows_code(pdf: bytes, text: str, width_mm: float, page: int = 0) -> bool:
    """Whether the page, as a picture of 300 dpi, has the QR code of ``text`` that wide: every module as it must be,
    and four light ones around, which readers need.
    """
    document = pypdfium2.PdfDocument(pdf)
    try:
        dark = document[page].render(scale=300 / 72).to_numpy()[:, :, :3].mean(axis=2) < 128
    finally:
        document.close()
    wanted = list(segno.make(text, error="m", micro=False).matrix_iter(border=4))
    module = width_mm / (len(wanted) - 8) * 300 / 25.4
    offsets = [(round((r + 0.5) * module), round((c + 0.5) * module)) for r, c in np.ndindex(len(wanted), len(wanted))]
    modules = [bool(v) for row in wanted for v in row]
    reach = offsets[-1][0] + 1
    whole = np.pad(dark, reach)  # a code may stand closer to the paper's edge than to the picture's
    rows, columns = np.indices((dark.shape[0] + reach, dark.shape[1] + reach)).reshape(2, -1)
    # dark modules first: they are rarer on paper, so few places are left soon
    for (down, right), value in sorted(zip(offsets, modules, strict=True), key=lambda o: not o[1]):
        fits = whole[rows + down, columns + right] == value
        rows, columns = rows[fits], columns[fits]
    return len(rows) > 0
