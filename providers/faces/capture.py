"""Are the pictures good enough to judge a face by, and really different pictures?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from providers.faces.decode import Picture
from providers.faces.reasons import Reason, Refused
from providers.faces.thresholds import Thresholds
from providers.faces.tracking import Sighting

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SHARPNESS_SIDE = 96
GLARE = 230.0
DARK_ROOM = 20.0  # mean grey of the whole frame; the detector would only say "no face"


def check_light(pictures: Sequence[Picture]) -> None:
    """Raises Refused (TOO_DARK, TOO_BRIGHT) for whole frames. Cheap, so it comes before any search for faces."""
    means = [float(p.grey.mean()) for p in pictures]
    if min(means) < DARK_ROOM:
        raise Refused(Reason.TOO_DARK)
    if max(means) > GLARE:
        raise Refused(Reason.TOO_BRIGHT)


def check_different(pictures: Sequence[Picture], thresholds: Thresholds) -> None:
    """No two frames may be one picture saved twice: a real camera's noise and hand never repeat."""
    small = [p.thumbnail().astype(np.float32) for p in pictures]
    for i, a in enumerate(small):
        if any(a.shape == b.shape and float(np.abs(a - b).mean()) < thresholds.near_identical for b in small[:i]):
            raise Refused(Reason.DUPLICATE_FRAMES)


def check_faces(sightings: Sequence[Sighting], resting: int, thresholds: Thresholds) -> None:
    """Light on every face, sharpness of the first ``resting`` ones (a moving head may blur)."""
    faces = [_cut(s) for s in sightings]
    means = [float(f.mean()) for f in faces]
    if min(means) < thresholds.darkest:
        raise Refused(Reason.TOO_DARK)
    if max(means) > thresholds.brightest:
        raise Refused(Reason.TOO_BRIGHT)
    if float(np.median([sharpness(f) for f in faces[:resting]])) < thresholds.sharpness:
        raise Refused(Reason.BLURRED)


def sharpness(face: Pixels) -> float:
    """Standard deviation of the Laplacian, in grey levels, of the face at SHARPNESS_SIDE pixels."""
    size = (SHARPNESS_SIDE, SHARPNESS_SIDE)
    values = np.asarray(Image.fromarray(face).resize(size, Image.Resampling.BOX), dtype=np.float64)
    middle = values[1:-1, 1:-1]
    around = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
    return float((around - 4 * middle).std())


def _cut(sighting: Sighting) -> Pixels:
    height, width = sighting.picture.grey.shape
    top, right, bottom, left = sighting.box.css()
    return sighting.picture.grey[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
