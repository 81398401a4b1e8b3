"""Measures on 68 landmarks. Every measure is relative to the person's own face at rest; none is absolute.

Lengths are in units of the distance between the eyes, so they do not depend on how near the camera is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
INNER_LIPS = ((61, 67), (62, 66), (63, 65))
FIRM = (36, 39, 42, 45, 27, 31, 33, 35)  # bone or nearly so: they do not move with lids and lips
NEAR_PLANE = (36, 39, 42, 45, 48, 54)  # eye and mouth corners: the nose stands out of their plane
NOSE = (29, 30, 33)
RIGHT_JAW, LEFT_JAW = (0, 1, 2), (14, 15, 16)

CHIP = 64
# where FIRM stands in a chip: an average face
CHIP_PLACES = np.array(
    [(8, 20), (24, 20), (40, 20), (56, 20), (32, 19), (24, 47), (32, 50), (40, 47)], dtype=np.float64
)


@dataclass(frozen=True, slots=True)
class Motion:
    """One frame against the rest: ``lids`` and ``lips`` how far they are open (1 and 0 at rest), ``yaw`` the change of
    the nose's place between the jaws (-1..1, positive to the person's own left), ``nose_x`` and ``nose_y`` how far the
    nose tip moved out of the plane of eye and mouth corners (0 for anything flat).
    """

    lids: float
    lips: float
    yaw: float
    nose_x: float
    nose_y: float


def eye_centres(points: Floats) -> tuple[Floats, Floats]:
    """(left in the picture, right in the picture)."""
    return points[RIGHT_EYE].mean(axis=0), points[LEFT_EYE].mean(axis=0)


def eye_distance(points: Floats) -> float:
    a, b = eye_centres(points)
    return float(np.hypot(*(b - a)))


def face_axes(points: Floats) -> Floats:
    """Rows: unit vectors along the eyes and down the face."""
    a, b = eye_centres(points)
    right = (b - a) / max(float(np.hypot(*(b - a))), 1e-9)
    return np.array([right, [-right[1], right[0]]])


def similarity(source: Floats, target: Floats) -> tuple[Floats, Floats]:
    """(2×2 matrix, offset): best shift, turn and scale taking ``source`` to ``target``, by least squares."""
    s, t = source - source.mean(axis=0), target - target.mean(axis=0)
    spread = float((s**2).sum()) or 1e-9
    a = float((s * t).sum()) / spread
    b = float((s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum()) / spread
    matrix = np.array([[a, -b], [b, a]])
    return matrix, target.mean(axis=0) - matrix @ source.mean(axis=0)


def affine(source: Floats, target: Floats) -> Floats:
    """3×2 matrix taking rows (x, y, 1) of ``source`` to ``target``, by least squares."""
    design = np.column_stack([source, np.ones(len(source))])
    return np.asarray(np.linalg.lstsq(design, target, rcond=None)[0])


def homography(source: Floats, target: Floats) -> Floats:
    """3×3 matrix of the perspective view of a plane that takes ``source`` to ``target`` (at least four points)."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y, -u], [0, 0, 0, x, y, 1, -v * x, -v * y, -v]]
    return np.asarray(np.linalg.svd(np.array(rows))[2][-1].reshape(3, 3))


def project(matrix: Floats, points: Floats) -> Floats:
    mapped = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    result: Floats = mapped[:, :2] / mapped[:, 2:]
    return result


def face_at_rest(shapes: Sequence[Floats]) -> Floats:
    """The mean of several frames' landmarks, laid on the first by shift, turn and scale: less noise than one frame."""
    laid = []
    for shape in shapes:
        matrix, offset = similarity(shape, shapes[0])
        laid.append(shape @ matrix.T + offset)
    return np.asarray(np.mean(laid, axis=0))


def motion(rest: Floats, points: Floats) -> Motion:
    """What this frame shows, seen from the rest. Tilting a flat picture moves none of these far: the view of the face
    at rest is carried over first, and only what differs from it counts.
    """
    expected = np.column_stack([rest, np.ones(len(rest))]) @ affine(rest[list(FIRM)], points[list(FIRM)])
    nose = _out_of_plane(rest, points)
    return Motion(
        lids=_gap(points, LIDS) / max(_gap(expected, LIDS), 1e-6),
        lips=(_gap(points, INNER_LIPS) - _gap(expected, INNER_LIPS)) / max(eye_distance(points), 1e-6),
        yaw=nose_place(points) - nose_place(rest),
        nose_x=float(nose[0]),
        nose_y=float(nose[1]),
    )


def nose_place(points: Floats) -> float:
    """-1 at the jaw on the picture's left, 0 in the middle, 1 at the jaw on its right."""
    along = points @ face_axes(points)[0]
    left, nose, right = along[list(RIGHT_JAW)].mean(), along[30], along[list(LEFT_JAW)].mean()
    return float((2 * nose - left - right) / max(right - left, 1e-6))


def _gap(points: Floats, pairs: Sequence[tuple[int, int]]) -> float:
    return float(np.mean([np.hypot(*(points[a] - points[b])) for a, b in pairs]))


def _out_of_plane(rest: Floats, points: Floats) -> Floats:
    unit = eye_distance(rest) or 1e-6
    centre = rest[list(NEAR_PLANE)].mean(axis=0)
    flat = homography((rest[list(NEAR_PLANE)] - centre) / unit, (points[list(NEAR_PLANE)] - centre) / unit)
    seen = (points[list(NOSE)] - centre) / unit
    apart = (seen - project(flat, (rest[list(NOSE)] - centre) / unit)).mean(axis=0)
    result: Floats = face_axes(points) @ apart * unit / max(eye_distance(points), 1e-6)
    return result


def chip(grey: Pixels, points: Floats) -> Floats:
    """Eyes and nose cut out upright at one size, mean 0 and spread 1: faces can be compared pixel by pixel."""
    matrix, offset = similarity(CHIP_PLACES, points[list(FIRM)])
    data = (*matrix[0], offset[0], *matrix[1], offset[1])
    cut = Image.fromarray(grey).transform((CHIP, CHIP), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
    values = np.asarray(cut, dtype=np.float64)
    result: Floats = (values - values.mean()) / max(float(values.std()), 1e-6)
    return result


def likeness(a: Floats, b: Floats) -> float:
    """Correlation of two chips, -1..1."""
    return float((a * b).mean())


def contours(values: Floats) -> Floats:
    """A chip's horizontal and vertical differences, spread 1: keeps the outlines and forgets the light."""
    soft = (values[:-1, :-1] + values[1:, :-1] + values[:-1, 1:] + values[1:, 1:]) / 4
    both = np.stack([soft[1:, 1:] - soft[1:, :-1], soft[1:, 1:] - soft[:-1, 1:]])
    result: Floats = (both - both.mean()) / max(float(both.std()), 1e-6)
    return result
