"""Follows the one face through the clip: looks for faces seldom, places landmarks in every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from providers.faces.decode import Picture
from providers.faces.geometry import FIRM, chip, eye_distance, likeness
from providers.faces.reasons import Reason, Refused
from providers.faces.stack import Box, find_faces, landmarks
from providers.faces.thresholds import Thresholds

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SEARCH_SCALE = 2 / 3  # brings a face of 120 px down to the detector's 80
CELL = 8  # side in pixels of the squares watched for change
CELL_CHANGED = 15.0  # grey levels beyond what a hand's movement brings; noise averaged over a square stays under 5
CELLS_OF_A_FACE = 20  # a face of 80 px covers a hundred
SAME_FACE = 0.6
LANDMARK_SCALES = (0.95, 0.9, 0.85)  # the detector knows faces in steps of a fifth only, and the landmarks feel it


@dataclass(frozen=True, slots=True)
class Sighting:
    """The face in one frame; ``chip`` is its upright grey cut-out."""

    picture: Picture
    points: Floats
    box: Box
    chip: Floats


def follow_face(pictures: Sequence[Picture], starts: Sequence[int], thresholds: Thresholds) -> list[Sighting]:
    """The same one face in every picture. ``starts`` are frames that are searched whatever happens.

    Every other frame is searched when the face itself looks changed, or when something outside it has changed since the
    last search, so that a second face cannot slip in between.

    Raises Refused (NO_FACE, SEVERAL_FACES, FACE_TOO_SMALL, FACE_LOST, FACE_JUMPED).
    """
    first = _only_face(pictures[0], thresholds)
    seen = [_sight(pictures[0], first)]
    relation = _Relation.of(seen[0])
    watched = _cells(pictures[0].grey)
    for index, picture in enumerate(pictures[1:], start=1):
        sighting = _sight(picture, relation.box(seen[-1].points))
        cells = _cells(picture.grey)
        doubtful = likeness(sighting.chip, seen[-1].chip) < thresholds.doubtful_link
        if doubtful or index in starts or _changed_outside(watched, cells, sighting.box):
            sighting = _search_again(sighting, doubtful, seen, thresholds)
            watched = cells
        _check_step(seen[-1], sighting, thresholds)
        seen.append(sighting)
    return seen


def _only_face(picture: Picture, thresholds: Thresholds) -> Box:
    found = _apart(find_faces(picture.grey))
    if not found:
        raise Refused(Reason.NO_FACE)
    if len(found) > 1:
        raise Refused(Reason.SEVERAL_FACES)
    if found[0].size < thresholds.min_face_px:
        raise Refused(Reason.FACE_TOO_SMALL)
    return found[0]


def _search_again(tracked: Sighting, doubtful: bool, seen: Sequence[Sighting], thresholds: Thresholds) -> Sighting:
    """Look for all faces; of the tracked and the found place take the one that looks more like the rest.

    A face turned away may hide from the detector: then tracking is believed as long as it is not in doubt.
    """
    picture = tracked.picture
    found = _apart([b.scaled(1 / SEARCH_SCALE) for b in find_faces(picture.grey_at(SEARCH_SCALE))])
    if not found:
        found = _apart(find_faces(picture.grey))
    if len(found) > 1:
        raise Refused(Reason.SEVERAL_FACES)
    if not found and doubtful:
        raise Refused(Reason.FACE_LOST)
    if not found:
        return tracked
    if float(np.hypot(*(found[0].centre - seen[-1].box.centre))) > thresholds.jump * seen[-1].box.size:
        raise Refused(Reason.FACE_JUMPED)
    return max((tracked, _sight(picture, found[0])), key=lambda s: likeness(s.chip, seen[0].chip))


def _apart(found: Sequence[Box]) -> list[Box]:
    """Without boxes that lie inside a bigger one: the detector at times takes a mouth and chin for a second face."""
    kept: list[Box] = []
    for box in sorted(found, key=lambda b: -b.size):
        if all(box.overlap(bigger) < SAME_FACE for bigger in kept):
            kept.append(box)
    return kept


def _sight(picture: Picture, box: Box) -> Sighting:
    """Landmarks from boxes of three sizes, point by point the middle one: calmer, and no single bad fit counts."""
    fits = [landmarks(picture.grey, box.resized(scale)) for scale in LANDMARK_SCALES]
    points = np.median(fits, axis=0)
    return Sighting(picture, points, box, chip(picture.grey, points))


@dataclass(frozen=True, slots=True)
class _Relation:
    """How the detector's box lies to the firm landmarks, so that landmarks give the next frame's box."""

    offset: Floats
    size: float

    @classmethod
    def of(cls, sighting: Sighting) -> _Relation:
        unit = eye_distance(sighting.points)
        middle = sighting.points[list(FIRM)].mean(axis=0)
        return cls((sighting.box.centre - middle) / unit, sighting.box.size / unit)

    def box(self, points: Floats) -> Box:
        unit = eye_distance(points)
        x, y = points[list(FIRM)].mean(axis=0) + self.offset * unit
        half = self.size * unit / 2
        return Box(x - half, y - half, x + half, y + half)


def _check_step(before: Sighting, after: Sighting, thresholds: Thresholds) -> None:
    moved = float(np.hypot(*(after.box.centre - before.box.centre)))
    grown = after.box.size / before.box.size
    if moved > thresholds.jump * before.box.size or not 0.6 < grown < 1.7:
        raise Refused(Reason.FACE_JUMPED)


def _cells(grey: Pixels) -> Floats:
    """Mean grey of squares of CELL pixels."""
    rows, columns = grey.shape[0] // CELL, grey.shape[1] // CELL
    cut = grey[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    result: Floats = cut.mean(axis=(1, 3))
    return result


def _changed_outside(before: Floats, after: Floats, face: Box) -> bool:
    """Whether something new as big as a face came up beside the face. What the neighbouring squares held before is
    not new: a hand's movement shifts the picture by less than a square.
    """
    if before.shape != after.shape:
        return True
    around = np.stack([np.roll(before, (dy, dx), axis=(0, 1)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    changed = (after > around.max(axis=0) + CELL_CHANGED) | (after < around.min(axis=0) - CELL_CHANGED)
    grown = face.size * 0.35
    top, bottom = max(face.top - grown, 0) / CELL, (face.bottom + grown) / CELL
    left, right = max(face.left - grown, 0) / CELL, (face.right + grown) / CELL
    changed[int(top) : int(bottom) + 1, int(left) : int(right) + 1] = False
    return int(changed.sum()) >= CELLS_OF_A_FACE
