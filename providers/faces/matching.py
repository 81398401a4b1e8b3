"""One to one: is the person in these frames the person on the registrar's photo?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from providers.faces.decode import Picture, open_picture
from providers.faces.geometry import Motion, chip, contours, likeness
from providers.faces.reasons import Reason, Refused
from providers.faces.stack import Box, encode, find_faces, landmarks
from providers.faces.thresholds import Thresholds
from providers.faces.tracking import Sighting

Floats = NDArray[np.float64]

REFERENCE_SIDE = 1000
REFERENCE_MIN_FACE = 60.0


@dataclass(frozen=True, slots=True)
class Reference:
    """The registrar's photo while a verification runs; never stored."""

    picture: Picture
    box: Box


def open_reference(data: bytes) -> Reference:
    """Raises Refused(REFERENCE_UNUSABLE) for anything but a picture with exactly one face."""
    try:
        picture = open_picture(data, longest_side=REFERENCE_SIDE)
    except Refused:
        raise Refused(Reason.REFERENCE_UNUSABLE) from None
    found = find_faces(picture.grey) or find_faces(picture.grey, enlarge=1)
    if len(found) != 1 or found[0].size < REFERENCE_MIN_FACE:
        raise Refused(Reason.REFERENCE_UNUSABLE)
    return Reference(picture, found[0])


def copy_likeness(reference: Reference, sightings: Sequence[Sighting]) -> float:
    """How well the outlines of the best frame lie on those of the reference photo, -1..1.

    The photo held to a camera keeps its outlines however it is moved, lit and compressed; another photo of the same
    person does not have them.
    """
    outlines = contours(chip(reference.picture.grey, landmarks(reference.picture.grey, reference.box)))
    return max(likeness(outlines, contours(s.chip)) for s in sightings)


def choose_probes(actions: Sequence[int], moved: Sequence[Motion]) -> list[int]:
    """One frame of every action, the one most like the rest: together they show each part's person."""
    best: dict[int, int] = {}
    for index, (action, m) in enumerate(zip(actions, moved, strict=True)):
        if action not in best or _unrest(m) < _unrest(moved[best[action]]):
            best[action] = index
    return sorted(best.values())


def doubtful_frames(sightings: Sequence[Sighting], thresholds: Thresholds) -> list[int]:
    """Both frames of the place where the face's picture changes most, if it changes much; else none."""
    links = [likeness(a.chip, b.chip) for a, b in pairwise(sightings)]
    weakest = min(range(len(links)), key=links.__getitem__)
    return [weakest, weakest + 1] if links[weakest] < thresholds.doubtful_link else []


def encode_frames(sightings: Sequence[Sighting], indices: Sequence[int]) -> dict[int, Floats]:
    return {i: encode(sightings[i].picture.rgb, sightings[i].box) for i in sorted(set(indices))}


def check_one_person(encodings: Mapping[int, Floats], thresholds: Thresholds) -> None:
    """Raises Refused(SEVERAL_PEOPLE) when any two frames differ as two people do."""
    values = list(encodings.values())
    if any(distance(a, b) > thresholds.same_person for i, a in enumerate(values) for b in values[:i]):
        raise Refused(Reason.SEVERAL_PEOPLE)


def fuse(encodings: Sequence[Floats]) -> Floats:
    """The mean of at least three frames' encodings: one frame alone misses three times as many genuine people."""
    if len(encodings) < 3:
        raise ValueError("a fused probe needs three frames")
    return np.asarray(np.mean(encodings, axis=0))


def distance(a: Floats, b: Floats) -> float:
    return float(np.linalg.norm(a - b))


def judge(gap: float, thresholds: Thresholds) -> Reason:
    """The verdict's reason for a fused probe's distance to the reference."""
    if gap <= thresholds.pass_distance:
        return Reason.MATCH
    return Reason.MATCH_UNSURE if gap <= thresholds.unsure_distance else Reason.MISMATCH


def _unrest(m: Motion) -> float:
    return abs(m.yaw) + 2 * abs(m.nose_y) + abs(m.lips) + 0.5 * max(0.0, 1 - m.lids)
