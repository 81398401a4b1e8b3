"""The simulated camera shows what it says; measured with the engine's eyes."""

from __future__ import annotations

import io
import random
from itertools import pairwise

import pytest
from PIL import Image

from app.ports import FaceAction, FaceChallenge
from providers.faces.challenge import issue_challenge
from providers.faces.decode import open_picture
from providers.faces.frames import check_frames
from providers.faces.geometry import Motion, face_at_rest, motion
from providers.faces.matching import distance
from providers.faces.stack import encode
from providers.faces.thresholds import THRESHOLDS
from providers.faces.tracking import Sighting, follow_face
from providers.sandbox.camera import Pose, SimulatedCamera
from tests.providers.faces.conftest import Portraits

pytestmark = pytest.mark.faces

REST_FRAMES = 3


def film(portrait: bytes, *poses: Pose) -> list[Sighting]:
    camera = SimulatedCamera(portrait, seed=5)
    images = [camera.shoot(Pose()) for _ in range(REST_FRAMES)] + [camera.shoot(pose) for pose in poses]
    return follow_face([open_picture(i, longest_side=640) for i in images], [], THRESHOLDS)


def motions(portrait: bytes, *poses: Pose) -> list[Motion]:
    shapes = [s.points for s in film(portrait, *poses)]
    rest = face_at_rest(shapes[:REST_FRAMES])
    return [motion(rest, shape) for shape in shapes[REST_FRAMES:]]


def test_a_turn_moves_the_nose_by_a_third_of_half_the_jaw(portraits: Portraits) -> None:
    left, right = motions(portraits.a1, Pose(yaw=20), Pose(yaw=-20))
    assert 0.2 < left.yaw < 0.5
    assert -0.5 < right.yaw < -0.2


def test_drawn_lids_mouth_and_nod_are_read(portraits: Portraits) -> None:
    blink, mouth, nod = motions(portraits.a1, Pose(blink=0.9), Pose(mouth=0.32), Pose(pitch=14))
    assert blink.lids < 0.75
    assert mouth.lips > 0.13
    assert nod.nose_y > 0.065
    assert max(mouth.nose_x, nod.nose_x, blink.nose_x) < 0.05


def test_the_person_stays_the_same_in_every_pose(portraits: Portraits) -> None:
    poses = (Pose(yaw=20), Pose(yaw=-20), Pose(blink=0.9), Pose(mouth=0.32), Pose(pitch=14))
    sightings = film(portraits.a1, *poses)
    own = [encode(s.picture.rgb, s.box) for s in sightings[REST_FRAMES - 1 :]]
    assert max(distance(own[0], e) for e in own[1:]) < 0.4


def test_clips_keep_the_contract_and_repeat_by_seed(portraits: Portraits) -> None:
    challenge = issue_challenge(random.Random(8))
    clip = SimulatedCamera(portraits.b1, seed=3).record(challenge)
    check_frames(challenge, clip, max_frames=24, max_bytes=200_000)
    assert len(clip.frames) == 24
    assert all(a.at_ms < b.at_ms for a, b in pairwise(clip.frames))


def test_pictures_repeat_by_seed(portraits: Portraits) -> None:
    one, same, other = (SimulatedCamera(portraits.b1, seed=seed).shoot(Pose(yaw=5)) for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_short_deadlines_are_kept(portraits: Portraits) -> None:
    actions = (FaceAction.NEUTRAL, FaceAction.BLINK)
    challenge = FaceChallenge(nonce=bytes(32), actions=actions, deadline_ms=1500)
    clip = SimulatedCamera(portraits.a1, seed=1).record(challenge)
    check_frames(challenge, clip, max_frames=24, max_bytes=200_000)
    assert clip.frames[-1].at_ms <= 3000


def test_a_portrait_without_a_face_is_refused(portraits: Portraits) -> None:
    coat = Image.fromarray(open_picture(portraits.a1, longest_side=640).rgb[400:, :])
    buffer = io.BytesIO()
    coat.save(buffer, "JPEG")
    with pytest.raises(ValueError, match="no face"):
        SimulatedCamera(buffer.getvalue(), seed=1)
