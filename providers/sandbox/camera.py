"""The simulated camera, for tests and the demo: one portrait becomes a short clip that obeys a challenge.

It is a stand-in for a person in front of a phone. The portrait's 68 landmarks get a rough depth, are turned, nodded,
blinked and opened in that shallow 3-D, and the picture follows them by a smooth warp. It shares no code with the face
engine and computes the frames' MACs by the formula of app.ports itself, so that the two cannot share a mistake.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.ports import FaceAction, FaceChallenge, FaceClip, FaceFrame
from providers.sandbox.drawing import close_eyes, darken_mouth

with warnings.catch_warnings():
    # the model package still finds its files by pkg_resources and says so at every start
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated", category=UserWarning)
    import dlib
    import face_recognition_models

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
NOSE_DEPTH = {27: 0.10, 28: 0.20, 29: 0.28, 30: 0.38, 31: 0.20, 32: 0.24, 33: 0.28, 34: 0.24, 35: 0.20}
UPPER_INNER_LIP = (61, 62, 63)
LOWER_INNER_LIP = (65, 66, 67)
LOWER_OUTER_LIP = (55, 56, 57, 58, 59)
CHIN = {5: 0.35, 6: 0.6, 7: 0.8, 8: 0.85, 9: 0.8, 10: 0.6, 11: 0.35}
RISE_AND_FALL = (0.15, 0.6, 1.0, 1.0, 0.55, 0.1)


@dataclass(frozen=True, slots=True)
class WarpParameters:
    """How strongly the simulated person moves and how the simulated camera disturbs.

    Angles in degrees; ``blink`` is the share of the eye the drawn lid covers; ``mouth`` the opening in half face
    widths; ``depth`` scales the head's depth (0 is a cut-out); ``noise`` is the sensor's standard deviation in grey
    levels; ``jitter`` the hand's in pixels.
    """

    yaw_deg: float = 20.0
    pitch_deg: float = 14.0
    blink: float = 0.9
    mouth: float = 0.32
    depth: float = 1.0
    noise: float = 2.0
    jitter: float = 1.2
    light: float = 1.0
    face_px: int = 200
    width: int = 480
    height: int = 640
    quality: int = 88
    frames: int = 24


DEFAULT_WARP = WarpParameters()


@dataclass(frozen=True, slots=True)
class Pose:
    """One instant: angles in degrees (yaw positive to the person's own left, pitch positive down), shares 0..1."""

    yaw: float = 0.0
    pitch: float = 0.0
    blink: float = 0.0
    mouth: float = 0.0


def pose_for(action: FaceAction, strength: float, warp: WarpParameters) -> Pose:
    """The pose of an action at ``strength`` 0 (rest) to 1 (full)."""
    match action:
        case FaceAction.TURN_LEFT:
            return Pose(yaw=warp.yaw_deg * strength)
        case FaceAction.TURN_RIGHT:
            return Pose(yaw=-warp.yaw_deg * strength)
        case FaceAction.NOD:
            return Pose(pitch=warp.pitch_deg * strength)
        case FaceAction.BLINK:
            return Pose(blink=warp.blink * strength)
        case FaceAction.OPEN_MOUTH:
            return Pose(mouth=warp.mouth * strength)
        case FaceAction.NEUTRAL:
            return Pose()


def strength_at(position: int, length: int) -> float:
    """How far an action has gone at frame ``position`` of its ``length`` frames: up, hold, down."""
    at = 0.0 if length < 2 else position * (len(RISE_AND_FALL) - 1) / (length - 1)
    return float(np.interp(at, range(len(RISE_AND_FALL)), RISE_AND_FALL))


def segments(frames: int, actions: int) -> list[tuple[int, int, int]]:
    """For each frame: (action index, position inside the action, frames of that action)."""
    edges = [round(i * frames / actions) for i in range(actions + 1)]
    return [(i, f - start, end - start) for i, (start, end) in enumerate(pairwise(edges)) for f in range(start, end)]


def seal_clip(
    challenge: FaceChallenge, images: Sequence[bytes], actions: Sequence[int], times_ms: Sequence[int]
) -> FaceClip:
    """Number the pictures and bind them to the challenge, as the client does."""
    frames = []
    for index, (image, action, at_ms) in enumerate(zip(images, actions, times_ms, strict=True)):
        text = f"{index}|{action}|{at_ms}|{hashlib.sha256(image).hexdigest()}"
        mac = hmac.digest(challenge.nonce, text.encode("ascii"), "sha256")
        frames.append(FaceFrame(index, action, at_ms, image, mac))
    return FaceClip(tuple(frames))


def frame_times(challenge: FaceChallenge, actions: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Capture times that keep every action's deadline when there are enough milliseconds for the frames."""
    busiest = max(actions.count(i) for i in set(actions)) if actions else 1
    gap = min(230.0, 0.9 * challenge.deadline_ms / busiest)
    return [round(i * gap + (rng.uniform(-0.1, 0.1) * gap if i else 0)) for i in range(len(actions))]


class SimulatedCamera:
    """Films one portrait. The same portrait, seed and parameters give the same clip."""

    def __init__(self, portrait: bytes, *, seed: int, warp: WarpParameters = DEFAULT_WARP) -> None:
        """``portrait`` is a picture file with one clear frontal face. Raises ValueError when no face is found."""
        self.warp = warp
        self._rng = np.random.default_rng(seed)
        self._scene, self._points = _frame_portrait(portrait, warp)
        self._head = _Head.of(self._points, warp)

    def record(self, challenge: FaceChallenge) -> FaceClip:
        """A clip of ``warp.frames`` frames that shows what was asked, in order and in time."""
        plan = segments(self.warp.frames, len(challenge.actions))
        images = [
            self.shoot(pose_for(challenge.actions[action], strength_at(position, length), self.warp))
            for action, position, length in plan
        ]
        actions = [action for action, _, _ in plan]
        return seal_clip(challenge, images, actions, frame_times(challenge, actions, self._rng))

    def shoot(self, pose: Pose) -> bytes:
        """One JPEG of the person in this pose, with fresh hand movement and sensor noise."""
        return develop(self.expose(pose), self.warp, self._rng)

    def expose(self, pose: Pose) -> Pixels:
        """The picture before the sensor: warped, hand-shaken, without noise (height × width × 3)."""
        moved = self._head.moved(pose)
        field = _displacements(self._head.targets(moved), self._head.sources(), self.warp)
        scene = close_eyes(self._scene, self._points, pose.blink) if pose.blink > 0 else self._scene
        hand = self._rng.normal(0.0, self.warp.jitter, 2)
        roll = math.radians(float(self._rng.normal(0.0, 0.35)))
        picture = _remap(scene, field, hand, roll)
        if pose.mouth > 0:
            picture = darken_mouth(picture, moved + hand, pose.mouth / max(self.warp.mouth, 1e-6))
        return picture


def develop(picture: Pixels, warp: WarpParameters, rng: np.random.Generator) -> bytes:
    """Light, sensor noise and JPEG compression."""
    light = warp.light * float(rng.normal(1.0, 0.01))
    grain = rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(warp.noise)
    noisy = picture * np.float32(light) + grain
    buffer = io.BytesIO()
    Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=warp.quality)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class _Head:
    """The landmarks in the head's own axes: u to the image's right, v down, in half face widths; z towards us."""

    points: Floats
    local: Floats
    depth: Floats
    centre: Floats
    axes: Floats
    half_width: float
    still: Floats

    @classmethod
    def of(cls, points: Floats, warp: WarpParameters) -> _Head:
        across = points[16] - points[0]
        half = float(np.hypot(*across)) / 2
        right = across / (2 * half)
        axes = np.array([right, [-right[1], right[0]]])
        centre = (points[0] + points[16]) / 2
        with_crown = np.vstack([points, centre + _crown() * half @ axes])
        local = (with_crown - centre) @ axes.T / half
        round_head = 1 - 0.9 * local[:, 0] ** 2 - ((local[:, 1] - 0.3) / 1.7) ** 2
        depth = 0.9 * np.sqrt(np.maximum(round_head, 0.05)) - 0.3
        for index, extra in NOSE_DEPTH.items():
            depth[index] += extra
        ring = centre + _ring(2.0) * half @ axes
        border = np.array([(x, y) for x in (0, warp.width / 2, warp.width) for y in (0, warp.height / 2, warp.height)])
        outside = border[np.hypot(*(border - centre).T) > 2.2 * half]
        return cls(with_crown, local, depth * warp.depth, centre, axes, half, np.vstack([ring, outside]))

    def moved(self, pose: Pose) -> Floats:
        """Where the landmarks (and crown) stand in this pose, in pixels."""
        local = self.local.copy()
        for index in (*LOWER_INNER_LIP, *LOWER_OUTER_LIP):
            local[index, 1] += pose.mouth
        for index, share in CHIN.items():
            local[index, 1] += pose.mouth * share
        for index in UPPER_INNER_LIP:
            local[index, 1] -= 0.06 * pose.mouth
        yaw, pitch = math.radians(pose.yaw), math.radians(pose.pitch)
        u = local[:, 0] * math.cos(yaw) + self.depth * math.sin(yaw)
        z = self.depth * math.cos(yaw) - local[:, 0] * math.sin(yaw)
        v = local[:, 1] * math.cos(pitch) + z * math.sin(pitch)
        return self.centre + np.column_stack([u, v]) * self.half_width @ self.axes

    def targets(self, moved: Floats) -> Floats:
        return np.vstack([moved, self.still])

    def sources(self) -> Floats:
        return np.vstack([self.points, self.still])


def _crown() -> Floats:
    """Points over the forehead, which the 68 landmarks leave out."""
    angles = np.radians(np.linspace(200, 340, 7))
    return np.column_stack([1.05 * np.cos(angles), 1.25 * np.sin(angles)])


def _ring(radius: float) -> Floats:
    """Still points around the head: shoulders and background do not turn."""
    angles = np.radians(np.arange(0, 360, 24))
    return np.column_stack([radius * np.cos(angles), 0.35 + 1.1 * radius * np.sin(angles)])


def _displacements(targets: Floats, sources: Floats, warp: WarpParameters, step: int = 8) -> Floats:
    """Thin-plate spline from picture positions back to portrait positions: height × width × 2, (dx, dy) in pixels."""
    scale = float(warp.height)
    at, shift = targets / scale, (sources - targets)
    count = len(at)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(at, at) + 1e-5 * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), at])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.vstack([shift, np.zeros((3, 2))]))
    xs, ys = np.meshgrid(np.arange(0, warp.width + step, step), np.arange(0, warp.height + step, step))
    grid = np.column_stack([xs.ravel(), ys.ravel()]) / scale
    flat = _kernel(grid, at) @ weights[:count] + np.column_stack([np.ones(len(grid)), grid]) @ weights[count:]
    coarse = flat.reshape(*xs.shape, 2)
    return enlarge(coarse, step)[: warp.height, : warp.width]


def _kernel(a: Floats, b: Floats) -> Floats:
    square = (a[:, None, 0] - b[None, :, 0]) ** 2 + (a[:, None, 1] - b[None, :, 1]) ** 2
    result: Floats = square * np.log(square + 1e-12)
    return result


def enlarge(coarse: Floats, step: int) -> Floats:
    """Bilinear between the grid's knots; the last row and column are the margin."""
    rows, columns = coarse.shape[0] - 1, coarse.shape[1] - 1
    y, x = np.divmod(np.arange(rows * step), step), np.divmod(np.arange(columns * step), step)
    fy, fx = (y[1] / step)[:, None, None], (x[1] / step)[None, :, None]
    lines = coarse[y[0]] * (1 - fy) + coarse[y[0] + 1] * fy
    result: Floats = lines[:, x[0]] * (1 - fx) + lines[:, x[0] + 1] * fx
    return result


def _remap(scene: Pixels, field: Floats, hand: Floats, roll: float) -> Pixels:
    """Take every pixel from where it came from; ``hand`` and ``roll`` move the whole picture. Bilinear."""
    height, width = scene.shape[:2]
    dx = np.arange(width, dtype=np.float32)[None, :] - np.float32(width / 2 + hand[0])
    dy = np.arange(height, dtype=np.float32)[:, None] - np.float32(height / 2 + hand[1])
    cos, sin = np.float32(math.cos(roll)), np.float32(math.sin(roll))
    moved = field.astype(np.float32)
    x = np.clip(dx * cos - dy * sin + np.float32(width / 2) + moved[..., 0], 0, width - 1.01)
    y = np.clip(dx * sin + dy * cos + np.float32(height / 2) + moved[..., 1], 0, height - 1.01)
    x0, y0 = x.astype(np.intp), y.astype(np.intp)
    fx, fy, at = x - x0.astype(np.float32), y - y0.astype(np.float32), y0 * width + x0
    corners = ((0, (1 - fx) * (1 - fy)), (1, fx * (1 - fy)), (width, (1 - fx) * fy), (width + 1, fx * fy))
    seen = np.empty_like(scene)
    for channel in range(3):
        plane = scene[..., channel].ravel()
        seen[..., channel] = sum(np.take(plane, at + step) * share for step, share in corners)
    return seen


_DETECTOR = dlib.get_frontal_face_detector()
_PREDICTOR = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())


def _frame_portrait(portrait: bytes, warp: WarpParameters) -> tuple[Pixels, Floats]:
    """The portrait cropped and scaled so that the face stands in the camera's frame, and its 68 points there."""
    with Image.open(io.BytesIO(portrait)) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    left, top, size = _largest_face(picture)
    scale = warp.face_px / size
    x0 = left + size / 2 - warp.width / 2 / scale
    y0 = top + size / 2 - 0.47 * warp.height / scale
    pad = int(max(warp.width, warp.height) / scale)
    padded = Image.fromarray(np.pad(np.asarray(picture), ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    box = (x0 + pad, y0 + pad, x0 + pad + warp.width / scale, y0 + pad + warp.height / scale)
    scene = np.asarray(padded.resize((warp.width, warp.height), Image.Resampling.LANCZOS, box=box))
    corner = ((left - x0) * scale, (top - y0) * scale)
    rectangle = dlib.rectangle(*(round(v) for v in (*corner, corner[0] + warp.face_px, corner[1] + warp.face_px)))
    shape = _PREDICTOR(scene, rectangle)
    return scene, np.array([(p.x, p.y) for p in shape.parts()], dtype=np.float64)


def _largest_face(picture: Image.Image) -> tuple[float, float, float]:
    """(left, top, size) in the picture's pixels; looked for at a size that keeps it quick."""
    small = picture.copy()
    small.thumbnail((1000, 1000))
    found = max(_DETECTOR(np.asarray(small), 0), key=lambda r: int(r.width()), default=None)
    if found is None:
        raise ValueError("no face in the portrait")
    ratio = picture.width / small.width
    return found.left() * ratio, found.top() * ratio, found.width() * ratio
