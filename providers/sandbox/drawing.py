"""What a warp cannot do for the simulated camera: lids that close and the dark of an open mouth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))  # outer or inner corner, upper lid, corner, lower lid
INNER_MOUTH = (60, 61, 62, 63, 64, 65, 66, 67)
# how a closed eye is drawn, found by trying until 68 landmarks read it as closed: where the lids meet (share of the
# eye's height), thickness and darkness of the lashes, softness in pixels, shade of the lid
MEET, THICK, DARK, SOFT, SHADE = 0.85, 0.18, 0.15, 1.2, 0.94


def close_eyes(scene: Pixels, points: Floats, share: float) -> Pixels:
    """The scene with lids drawn; only the strip between brows and nose tip is worked on."""
    top, bottom = max(int(points[17:27, 1].min()) - 40, 0), int(points[33, 1]) + 20
    drawn = scene.copy()
    drawn[top:bottom] = _draw_lids(scene[top:bottom], points - [0, top], share)
    return drawn


def _draw_lids(scene: Pixels, points: Floats, share: float) -> Pixels:
    """Close both eyes by ``share``: skin grows over them, what is still open is squeezed, lashes make a dark line."""
    lids = _skin_over_eyes(scene, points)
    for eye in EYES:
        outline = points[list(eye)]
        outline = outline if outline[0, 0] < outline[3, 0] else outline[[3, 2, 1, 0, 5, 4]]
        upper, lower = outline[:4], outline[[0, 5, 4, 3]]
        meet = upper + (lower - upper) * MEET
        top, bottom = upper + (meet - upper) * share, lower + (meet - lower) * share
        _squeeze_eye(scene, lids, (upper, lower), (top, bottom))
        thick = max(2, round(THICK * float(outline[3, 0] - outline[0, 0])))
        for x, y in _along(top):
            lids[y - thick // 2 : y - thick // 2 + thick, x] *= DARK
    soft = Image.fromarray(np.clip(lids, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(SOFT))
    covered = _eye_mask(points, scene.shape, grow=1.35).filter(ImageFilter.GaussianBlur(2.0))
    return np.asarray(Image.composite(soft, Image.fromarray(scene), covered))


def _skin_over_eyes(scene: Pixels, points: Floats) -> Floats:
    """The scene with eyes and brows filled from the skin around them (a blur that leaves them out)."""
    hidden = _eye_mask(points, scene.shape, grow=1.7)
    for brow in (points[17:22], points[22:27]):
        line = [(float(x), float(y)) for x, y in brow]
        ImageDraw.Draw(hidden).line(line, fill=255, width=round(0.3 * float(np.hypot(*(brow[-1] - brow[0])))))
    seen = 1 - np.asarray(hidden, dtype=np.float64) / 255
    blur = ImageFilter.GaussianBlur(0.35 * float(np.hypot(*(points[39] - points[36]))))
    known = Image.fromarray((scene * seen[..., None]).astype(np.uint8)).filter(blur)
    weight = np.asarray(Image.fromarray((seen * 255).astype(np.uint8)).filter(blur), dtype=np.float64) / 255
    return np.asarray(known, dtype=np.float64) / np.maximum(weight, 0.02)[..., None] * SHADE


def _eye_mask(points: Floats, shape: tuple[int, ...], grow: float) -> Image.Image:
    """White over both eyes; their height grows most, lids and lashes lie there."""
    mask = Image.new("L", (shape[1], shape[0]), 0)
    for eye in EYES:
        outline = points[list(eye)]
        centre, width = outline.mean(axis=0), float(np.hypot(*(outline[3] - outline[0])))
        radii = np.array([0.5 * width * min(grow, 1.25), 0.24 * width * grow])
        ImageDraw.Draw(mask).ellipse((*(centre - radii), *(centre + radii)), fill=255)
    return mask


def _squeeze_eye(scene: Pixels, lids: Floats, was: tuple[Floats, Floats], now: tuple[Floats, Floats]) -> None:
    """Column by column, in place: the eye between its old lids shrinks to stand between the new ones."""
    olds = [dict(_along(line)) for line in was]
    news = [dict(_along(line)) for line in now]
    for x in sorted(olds[0].keys() & olds[1].keys() & news[0].keys() & news[1].keys()):
        top, bottom = news[0][x], news[1][x]
        for y in range(top, bottom):
            source = olds[0][x] + (y - top) / (bottom - top) * (olds[1][x] - olds[0][x])
            lids[y, x] = scene[round(source), x]


def _along(line: Floats) -> list[tuple[int, int]]:
    """The whole pixels of a curve that runs from left to right."""
    xs = range(round(float(line[0, 0])), round(float(line[-1, 0])) + 1)
    return [(x, round(float(np.interp(x, line[:, 0], line[:, 1])))) for x in xs]


def darken_mouth(picture: Pixels, points: Floats, strength: float) -> Pixels:
    """An open mouth is a dark hole, not a stretched lip."""
    image = Image.fromarray(picture)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).polygon(
        [(float(x), float(y)) for x, y in points[list(INNER_MOUTH)]], fill=round(235 * min(strength, 1.0))
    )
    image.paste((38, 14, 14), (0, 0), mask.filter(ImageFilter.GaussianBlur(1.5)))
    return np.asarray(image)
