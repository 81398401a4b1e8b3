"""A drawn sheet that stands for a scanned transcript in the demo."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw


def sample_scan(label: str) -> bytes:
    """An A4 page at 100 dpi as JPEG: a ruled table and the label, no real content."""
    page = Image.new("RGB", (827, 1169), (250, 248, 242))
    draw = ImageDraw.Draw(page)
    draw.text((300, 70), "TRANSCRIPT (SAMPLE)", fill=(40, 40, 48))
    draw.text((80, 120), label, fill=(60, 60, 70))
    for row in range(24):
        y = 170 + row * 38
        draw.line((80, y, 747, y), fill=(150, 150, 158))
        draw.text(
            (96, y + 12), f"course {row + 1:02d}    credit {row % 4 + 1}    grade {70 + row % 30}", fill=(60, 60, 70)
        )
    draw.ellipse((560, 980, 720, 1140), outline=(176, 42, 48), width=5)
    out = io.BytesIO()
    page.save(out, "JPEG", quality=80)
    return out.getvalue()
