"""Clips an attacker might send, for the tests: each must be refused. They come from the simulated camera, too."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.ports import FaceAction, FaceChallenge, FaceClip
from providers.sandbox.camera import (
    DEFAULT_WARP,
    Pose,
    SimulatedCamera,
    WarpParameters,
    develop,
    enlarge,
    frame_times,
    pose_for,
    seal_clip,
    segments,
    strength_at,
)

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float64]


class Attack(StrEnum):
    STILL_PHOTO = "still_photo"  # one picture with fresh sensor noise
    IDENTICAL_FRAMES = "identical_frames"  # the very same file again and again
    RESAVED_FRAMES = "resaved_frames"  # one picture saved at different qualities
    TILTED_PHOTO = "tilted_photo"  # a flat print turned and tipped in step with the prompts
    BENT_PHOTO = "bent_photo"  # the same, bent around a cylinder
    OLD_CLIP = "old_clip"  # sent again as it was
    OLD_CLIP_RESEALED = "old_clip_resealed"  # the old pictures, bound to the new challenge
    WRONG_ORDER = "wrong_order"  # the asked actions in another order
    EVERYTHING_ALWAYS = "everything_always"  # one clip that shows all actions in every part
    OTHER_PERSON = "other_person"
    ALTERNATING = "alternating"  # two people by turns
    SWAPPED_HALFWAY = "swapped_halfway"  # the other person acts, then the right one is shown
    TWO_FACES = "two_faces"  # a second face in every frame
    TWO_FACES_ONCE = "two_faces_once"  # a second face in one frame only
    REGISTRAR_PHOTO = "registrar_photo"  # the photo on file brought to life
    FORGED_MAC = "forged_mac"
    FRAMES_SWAPPED = "frames_swapped"  # right MACs, wrong order
    TOO_LATE = "too_late"
    MISSING_ACTION = "missing_action"  # rests instead of the last action


@dataclass(frozen=True, slots=True)
class Scene:
    """What an attacker has: the victim's picture, the photo on file and somebody else's picture."""

    victim: bytes
    registrar: bytes
    stranger: bytes
    seed: int
    warp: WarpParameters = DEFAULT_WARP

    def camera(self, portrait: bytes, offset: int = 0) -> SimulatedCamera:
        return SimulatedCamera(portrait, seed=self.seed + offset, warp=self.warp)

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed + 7919)


def stage(attack: Attack, scene: Scene, challenge: FaceChallenge) -> FaceClip:
    """The attack's clip for this challenge."""
    return _STAGED[attack](scene, challenge)


@lru_cache(maxsize=16)
def _film(portrait: bytes, seed: int, warp: WarpParameters, actions: tuple[FaceAction, ...]) -> tuple[bytes, ...]:
    """The pictures of a genuine clip; several attacks start from the same one."""
    challenge = FaceChallenge(nonce=bytes(32), actions=actions, deadline_ms=60_000)
    return tuple(f.image for f in SimulatedCamera(portrait, seed=seed, warp=warp).record(challenge).frames)


def _filmed(scene: Scene, portrait: bytes, challenge: FaceChallenge) -> list[bytes]:
    return list(_film(portrait, scene.seed, scene.warp, challenge.actions))


def _genuine(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _seal(scene, challenge, _filmed(scene, scene.victim, challenge))


def _seal(scene: Scene, challenge: FaceChallenge, images: Sequence[bytes]) -> FaceClip:
    actions = [action for action, _, _ in segments(len(images), len(challenge.actions))]
    return seal_clip(challenge, images, actions, frame_times(challenge, actions, scene.rng()))


def _still_photo(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    rng, picture = scene.rng(), scene.camera(scene.victim).expose(Pose())
    return _seal(scene, challenge, [develop(picture, scene.warp, rng) for _ in range(scene.warp.frames)])


def _identical_frames(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _seal(scene, challenge, [scene.camera(scene.victim).shoot(Pose())] * scene.warp.frames)


def _resaved_frames(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    picture = Image.open(io.BytesIO(scene.camera(scene.victim).shoot(Pose())))
    images = []
    for i in range(scene.warp.frames):
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=95 - i)
        images.append(buffer.getvalue())
    return _seal(scene, challenge, images)


def _held_photo(scene: Scene, challenge: FaceChallenge, bend: float) -> FaceClip:
    """The print is turned for turns, tipped for nods, rocked quickly for blinks and brought nearer for mouths."""
    print_, rng = scene.camera(scene.victim).expose(Pose()), scene.rng()
    images = []
    for action, position, length in segments(scene.warp.frames, len(challenge.actions)):
        push = strength_at(position, length)
        yaw, pitch, near = {
            FaceAction.NEUTRAL: (0.0, 0.0, 1.0),
            FaceAction.TURN_LEFT: (35.0, 0.0, 1.0),
            FaceAction.TURN_RIGHT: (-35.0, 0.0, 1.0),
            FaceAction.NOD: (0.0, 32.0, 1.0),
            FaceAction.BLINK: (0.0, -32.0, 1.0),
            FaceAction.OPEN_MOUTH: (0.0, 15.0, 1.12),
        }[challenge.actions[action]]
        tilted = tilt(print_, yaw * push, pitch * push, 1 + (near - 1) * push, rng.normal(0, 1.2, 2), bend)
        images.append(develop(tilted, scene.warp, rng))
    return _seal(scene, challenge, images)


def tilt(flat: Pixels, yaw: float, pitch: float, near: float, hand: Floats, bend: float = 0.0) -> Pixels:
    """A print seen from one and a half of its widths away, turned by ``yaw`` and ``pitch`` degrees about its middle.

    ``bend`` 0 is flat; 1 bends the print's sides back by a fifth of its width, as around a bottle.
    """
    height, width = flat.shape[:2]
    step = 8  # the mapping is smooth, so every eighth pixel is enough
    ys, xs = np.mgrid[0 : height + step : step, 0 : width + step : step].astype(np.float64)
    x, y = (xs - width / 2 - hand[0]) / near, (ys - height / 2 - hand[1]) / near
    u, v = x.copy(), y.copy()
    for _ in range(25):  # the print's point behind every pixel, by repeated correction
        seen_x, seen_y = _seen_at(u, v, math.radians(yaw), math.radians(pitch), width, bend)
        u, v = u + (x - seen_x), v + (y - seen_y)
    place = enlarge(np.stack([u, v], axis=-1), step)[:height, :width]
    columns = np.clip(np.rint(place[..., 0] + width / 2), 0, width - 1).astype(np.intp)
    rows = np.clip(np.rint(place[..., 1] + height / 2), 0, height - 1).astype(np.intp)
    seen: Pixels = flat[rows, columns]
    return seen


def _seen_at(u: Floats, v: Floats, yaw: float, pitch: float, width: int, bend: float) -> tuple[Floats, Floats]:
    distance = 1.5 * width
    z = -0.8 * bend * u**2 / width
    x, turned = u * math.cos(yaw) + z * math.sin(yaw), z * math.cos(yaw) - u * math.sin(yaw)
    y, towards = v * math.cos(pitch) + turned * math.sin(pitch), turned * math.cos(pitch) - v * math.sin(pitch)
    nearer = np.maximum(1 - towards / distance, 0.3)
    return x / nearer, y / nearer


def _tilted_photo(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _held_photo(scene, challenge, bend=0.0)


def _bent_photo(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _held_photo(scene, challenge, bend=1.0)


def _other_order(challenge: FaceChallenge) -> FaceChallenge:
    first, *rest = challenge.actions
    return replace(challenge, actions=(first, *rest[1:], rest[0]))


def _old_clip(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _genuine(scene, replace(challenge, nonce=bytes(len(challenge.nonce))))


def _wrong_order(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _seal(scene, challenge, _filmed(scene, scene.victim, _other_order(challenge)))


def _old_clip_resealed(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    first, *rest = challenge.actions
    old = replace(challenge, actions=(first, *reversed(rest)))
    return _seal(scene, challenge, _filmed(scene, scene.victim, old))


def _everything_always(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    camera, images, every = scene.camera(scene.victim), [], [a for a in FaceAction if a is not FaceAction.NEUTRAL]
    for action, position, _ in segments(scene.warp.frames, len(challenge.actions)):
        shown = FaceAction.NEUTRAL if action == 0 else every[position % len(every)]
        images.append(camera.shoot(pose_for(shown, 1.0, scene.warp)))
    return _seal(scene, challenge, images)


def _other_person(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _seal(scene, challenge, _filmed(scene, scene.stranger, challenge))


def _alternating(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    both = [_filmed(scene, p, challenge) for p in (scene.victim, scene.stranger)]
    return _seal(scene, challenge, [both[i % 2][i] for i in range(scene.warp.frames)])


def _swapped_halfway(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    stranger, victim = (_filmed(scene, p, challenge) for p in (scene.stranger, scene.victim))
    half = scene.warp.frames // 2
    return _seal(scene, challenge, [*stranger[:half], *victim[half:]])


def _beside(image: bytes, face: Image.Image, quality: int) -> bytes:
    picture = Image.open(io.BytesIO(image)).convert("RGB")
    picture.paste(face, (picture.width - face.width, 4))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _second_face(scene: Scene) -> Image.Image:
    """The stranger, small enough to stand in a corner and big enough for a bystander (about 110 pixels)."""
    warp = replace(scene.warp, face_px=110, width=150, height=180)
    return Image.open(io.BytesIO(SimulatedCamera(scene.stranger, seed=scene.seed, warp=warp).shoot(Pose())))


def _two_faces(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    face, images = _second_face(scene), _filmed(scene, scene.victim, challenge)
    return _seal(scene, challenge, [_beside(i, face, scene.warp.quality) for i in images])


def _two_faces_once(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    images = _filmed(scene, scene.victim, challenge)
    chosen = int(scene.rng().integers(1, len(images)))
    images[chosen] = _beside(images[chosen], _second_face(scene), scene.warp.quality)
    return _seal(scene, challenge, images)


def _registrar_photo(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    return _seal(scene, challenge, _filmed(scene, scene.registrar, challenge))


def _forged_mac(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    frames = list(_genuine(scene, challenge).frames)
    last = frames[-1]
    frames[-1] = replace(last, mac=bytes([last.mac[0] ^ 1]) + last.mac[1:])
    return FaceClip(tuple(frames))


def _frames_swapped(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    frames = list(_genuine(scene, challenge).frames)
    frames[-1], frames[-2] = frames[-2], frames[-1]
    return FaceClip(tuple(frames))


def _too_late(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    clip = _genuine(scene, challenge)
    late = round(1.01 * len(challenge.actions) * challenge.deadline_ms / clip.frames[-1].at_ms * 1000)
    times = [f.at_ms * late // 1000 for f in clip.frames]
    return seal_clip(challenge, [f.image for f in clip.frames], [f.action for f in clip.frames], times)


def _missing_action(scene: Scene, challenge: FaceChallenge) -> FaceClip:
    shown = replace(challenge, actions=(*challenge.actions[:-1], FaceAction.NEUTRAL))
    return _seal(scene, challenge, _filmed(scene, scene.victim, shown))


_STAGED: dict[Attack, Callable[[Scene, FaceChallenge], FaceClip]] = {
    Attack.STILL_PHOTO: _still_photo,
    Attack.IDENTICAL_FRAMES: _identical_frames,
    Attack.RESAVED_FRAMES: _resaved_frames,
    Attack.TILTED_PHOTO: _tilted_photo,
    Attack.BENT_PHOTO: _bent_photo,
    Attack.OLD_CLIP: _old_clip,
    Attack.OLD_CLIP_RESEALED: _old_clip_resealed,
    Attack.WRONG_ORDER: _wrong_order,
    Attack.EVERYTHING_ALWAYS: _everything_always,
    Attack.OTHER_PERSON: _other_person,
    Attack.ALTERNATING: _alternating,
    Attack.SWAPPED_HALFWAY: _swapped_halfway,
    Attack.TWO_FACES: _two_faces,
    Attack.TWO_FACES_ONCE: _two_faces_once,
    Attack.REGISTRAR_PHOTO: _registrar_photo,
    Attack.FORGED_MAC: _forged_mac,
    Attack.FRAMES_SWAPPED: _frames_swapped,
    Attack.TOO_LATE: _too_late,
    Attack.MISSING_ACTION: _missing_action,
}
