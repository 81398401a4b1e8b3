"""QR codes as drawings for sheets that are printed. The sheet leaves the quiet zone of four modules around them."""

from __future__ import annotations

import io

import segno


def qr_drawing(text: str) -> str:
    """An SVG without a border; error correction at least M (15 %), more where the size allows."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", omitsize=True, border=0)
    return out.getvalue().decode()
