"""The measures on drawn faces: a head of 68 points in space, seen from the front, turned, or printed on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from providers.faces.geometry import (
    chip,
    contours,
    eye_distance,
    face_at_rest,
    homography,
    likeness,
    motion,
    nose_place,
    project,
    similarity,
)

Floats = NDArray[np.float64]


def head() -> Floats:
    """68 points (x right, y down, z towards us) in pixels about the middle of the face."""
    points = np.zeros((68, 3))
    angles = np.radians(np.linspace(180, 0, 17))
    points[:17] = np.column_stack([100 * np.cos(angles), 130 * np.sin(angles), -5 * np.abs(np.cos(angles))])
    points[17:22] = [(-75 + 12 * i, -45, 50) for i in range(5)]
    points[22:27] = [(25 + 12 * i, -45, 50) for i in range(5)]
    points[27:31] = [(0, -10 + 16 * i, 60 + 12 * i) for i in range(4)]
    points[31:36] = [(-16 + 8 * i, 48, 72) for i in range(5)]
    for start, middle in ((36, -45), (42, 45)):
        eye = [(-18, 0), (-6, -6), (6, -6), (18, 0), (6, 6), (-6, 6)]
        points[start : start + 6] = [(middle + x, y, 45) for x, y in eye]
    points[48:60] = [(-35 * math.cos(a), 80 - 12 * math.sin(a), 50) for a in np.radians(np.arange(0, 360, 30))]
    points[60:68] = [(-25 * math.cos(a), 80 - 3 * math.sin(a), 50) for a in np.radians(np.arange(0, 360, 45))]
    return points


def seen(points: Floats, yaw: float = 0, pitch: float = 0, distance: float = 700) -> Floats:
    a, b = math.radians(yaw), math.radians(pitch)
    x, z = (
        points[:, 0] * math.cos(a) + points[:, 2] * math.sin(a),
        points[:, 2] * math.cos(a) - points[:, 0] * math.sin(a),
    )
    y, z = points[:, 1] * math.cos(b) + z * math.sin(b), z * math.cos(b) - points[:, 1] * math.sin(b)
    result: Floats = np.column_stack([x, y]) / (1 - z / distance)[:, None] + [240, 300]
    return result


def printed() -> Floats:
    flat = head()
    flat[:, 2] = 0
    return flat


def test_rest_moves_nothing() -> None:
    m = motion(seen(head()), seen(head()))
    assert m.lids == pytest.approx(1)
    assert abs(m.lips) + abs(m.yaw) < 1e-9
    assert math.hypot(m.nose_x, m.nose_y) < 1e-6


@pytest.mark.parametrize("yaw", [20, -20])
def test_turning_moves_the_nose_to_its_side_and_out_of_the_plane(yaw: float) -> None:
    m = motion(seen(head()), seen(head(), yaw=yaw))
    assert math.copysign(1, m.yaw) == math.copysign(1, m.nose_x) == math.copysign(1, yaw)
    assert 0.2 < abs(m.yaw) < 0.6
    assert abs(m.nose_x) > 0.08
    assert 0.9 < m.lids < 1.1


def test_nodding_moves_the_nose_down() -> None:
    m = motion(seen(head()), seen(head(), pitch=15))
    assert m.nose_y > 0.06
    assert abs(m.yaw) < 0.05


@pytest.mark.parametrize(("yaw", "pitch"), [(35, 0), (-35, 0), (0, 35), (0, -35), (25, 25)])
def test_a_tilted_print_has_no_relief_and_does_nothing(yaw: float, pitch: float) -> None:
    m = motion(seen(printed()), seen(printed(), yaw, pitch))
    assert math.hypot(m.nose_x, m.nose_y) < 0.01
    assert abs(m.yaw) < 0.2
    assert 0.9 < m.lids < 1.1
    assert abs(m.lips) < 0.02


def test_lids_and_lips_are_relative_to_the_own_rest_in_any_pose() -> None:
    blinking, speaking = head(), head()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        blinking[upper, 1] = blinking[lower, 1] - 4
    speaking[[65, 66, 67], 1] += 30
    assert motion(seen(head()), seen(blinking, yaw=8)).lids == pytest.approx(1 / 3, abs=0.05)
    assert motion(seen(head()), seen(speaking, pitch=5)).lips > 0.25
    narrow = head()
    narrow[[37, 38, 43, 44], 1] = -2
    assert motion(seen(narrow), seen(narrow)).lids == pytest.approx(1)


def test_rest_is_the_mean_of_shaken_frames() -> None:
    rng, true = np.random.default_rng(3), seen(head())
    shaken = [true * 1.02**i + rng.normal(0, 1, true.shape) + [i, 2 * i] for i in range(8)]
    matrix, offset = similarity(face_at_rest(shaken), true)
    one = similarity(shaken[1], true)
    errors = [
        np.abs(p @ m.T + o - true).mean() for p, (m, o) in ((face_at_rest(shaken), (matrix, offset)), (shaken[1], one))
    ]
    assert errors[0] < 0.6 * errors[1]


def test_homography_finds_a_known_view() -> None:
    view = np.array([[1.1, 0.1, 3], [-0.05, 0.9, -4], [0.0004, -0.0002, 1]])
    plane = np.array([(0, 0), (100, 0), (0, 100), (100, 100), (40, 70)], dtype=np.float64)
    found = homography(plane, project(view, plane))
    assert np.allclose(found / found[2, 2], view, atol=1e-6)


def test_nose_place_and_eye_distance() -> None:
    assert nose_place(seen(head())) == pytest.approx(0, abs=1e-9)
    assert 90 < eye_distance(seen(head())) < 100


def test_chips_are_upright_and_compare_pictures_not_light() -> None:
    rng = np.random.default_rng(5)
    grey = np.repeat(np.repeat(rng.integers(60, 160, (80, 60), dtype=np.uint8), 8, axis=0), 8, axis=1)
    points = seen(head())
    brighter = (grey * 1.3 + 10).astype(np.uint8)
    other = np.ascontiguousarray(grey[::-1, ::-1])
    assert likeness(chip(grey, points), chip(brighter, points)) > 0.99
    assert likeness(contours(chip(grey, points)), contours(chip(other, points))) < 0.3
