"""The one place that loads face_recognition: its detector, its 68 landmarks, its 128-number encoder.

Loading takes seconds and some 300 MB, and the detector must not be shared between threads (the process crashes), so
only the single-threaded face worker imports this.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFile

with warnings.catch_warnings():
    # the model package still finds its files by pkg_resources and says so at every start
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
    import face_recognition
    from face_recognition import api

# face_recognition switches this on for the whole process; a cut-off upload must stay an error
ImageFile.LOAD_TRUNCATED_IMAGES = False

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Box:
    """A face's square in pixels of the picture it was found in."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def size(self) -> float:
        return self.right - self.left

    @property
    def centre(self) -> Floats:
        return np.array([(self.left + self.right) / 2, (self.top + self.bottom) / 2])

    def scaled(self, factor: float) -> Box:
        return Box(self.left * factor, self.top * factor, self.right * factor, self.bottom * factor)

    def resized(self, factor: float) -> Box:
        """Grown or shrunk about its middle."""
        x, y = self.centre
        half = self.size * factor / 2
        return Box(x - half, y - half, x + half, y + half)

    def overlap(self, other: Box) -> float:
        """Shared area as a part of the smaller of the two, 0..1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        smaller = min(self.size * (self.bottom - self.top), other.size * (other.bottom - other.top))
        return max(width, 0.0) * max(height, 0.0) / smaller if smaller > 0 else 0.0

    def css(self) -> tuple[int, int, int, int]:
        """(top, right, bottom, left), face_recognition's order."""
        return round(self.top), round(self.right), round(self.bottom), round(self.left)


def find_faces(picture: Pixels, *, enlarge: int = 0) -> list[Box]:
    """Every upright, roughly frontal face of 80 pixels and more (40 with ``enlarge=1``, at four times the price)."""
    found = face_recognition.face_locations(picture, number_of_times_to_upsample=enlarge)
    return [Box(left, top, right, bottom) for top, right, bottom, left in found]


def landmarks(picture: Pixels, box: Box) -> Floats:
    """The 68 points (x, y) in pixels, in the usual order: jaw, brows, nose, eyes, mouth.

    Always 68 points, also where there is no face: the caller must know that ``box`` holds one.
    """
    top, right, bottom, left = box.css()
    shape = api.pose_predictor_68_point(picture, api.dlib.rectangle(left, top, right, bottom))
    return np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)


def encode(picture: Pixels, box: Box) -> Floats:
    """The 128 numbers of the face in ``box`` of an RGB picture. Costs about 80 ms of one core."""
    return np.asarray(face_recognition.face_encodings(picture, [box.css()])[0], dtype=np.float64)
