"""What the engine answers to pictures that cannot be judged."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from app.ports import FaceChallenge, FaceClip, FaceDecision
from providers.faces.challenge import issue_challenge
from providers.faces.engine import LocalFaceEngine
from providers.faces.frames import frame_mac
from providers.sandbox.camera import SimulatedCamera
from tests.providers.faces.conftest import Portraits
from tests.providers.faces.test_decode import bomb

pytestmark = pytest.mark.faces

CHALLENGE = issue_challenge(random.Random(4))
Change = Callable[[Image.Image], Image.Image]


@pytest.fixture(scope="module")
def clip(portraits: Portraits) -> FaceClip:
    return SimulatedCamera(portraits.a1, seed=2).record(CHALLENGE)


def resealed(clip: FaceClip, images: list[bytes], challenge: FaceChallenge = CHALLENGE) -> FaceClip:
    frames = [
        replace(f, image=image, mac=frame_mac(challenge.nonce, f.index, f.action, f.at_ms, image))
        for f, image in zip(clip.frames, images, strict=True)
    ]
    return FaceClip(tuple(frames))


def edited(clip: FaceClip, change: Change, **options: object) -> FaceClip:
    """Every picture changed, saved again and bound again."""
    images = []
    for f in clip.frames:
        buffer = io.BytesIO()
        change(Image.open(io.BytesIO(f.image)).convert("RGB")).save(buffer, "JPEG", quality=90, **options)
        images.append(buffer.getvalue())
    return resealed(clip, images)


def answer(reference: bytes, clip: FaceClip) -> tuple[FaceDecision, str]:
    verdict = LocalFaceEngine().verify(reference, CHALLENGE, clip)
    return verdict.decision, verdict.reason


def noise(shape: tuple[int, int], seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(60, 200, (*shape, 3), dtype=np.uint8))


def test_genuine_clip_passes_and_reports_its_cost(portraits: Portraits, clip: FaceClip) -> None:
    verdict = LocalFaceEngine().verify(portraits.a3, CHALLENGE, clip)
    assert (verdict.decision, verdict.reason) == (FaceDecision.PASS, "match")
    assert verdict.distance is not None
    assert 0.05 < verdict.distance < 0.47
    assert verdict.frames_used >= 3
    assert verdict.cpu_ms > 0


def test_phone_held_sideways_works(portraits: Portraits, clip: FaceClip) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = edited(clip, lambda p: p.transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes())
    assert answer(portraits.a3, lying) == (FaceDecision.PASS, "match")


def test_lying_face_without_the_flag_is_not_found(portraits: Portraits, clip: FaceClip) -> None:
    lying = edited(clip, lambda p: p.transpose(Image.Transpose.ROTATE_90))
    assert answer(portraits.a3, lying) == (FaceDecision.RETAKE, "no_face")


def test_no_frames_and_no_face(portraits: Portraits, clip: FaceClip) -> None:
    assert answer(portraits.a3, FaceClip(())) == (FaceDecision.RETAKE, "no_frames")
    seeds = iter(range(100))
    walls = edited(clip, lambda _: noise((640, 480), next(seeds)))
    assert answer(portraits.a3, walls) == (FaceDecision.RETAKE, "no_face")


def test_dark_room_and_glaring_light(portraits: Portraits, clip: FaceClip) -> None:
    assert answer(portraits.a3, edited(clip, lambda p: p.point(lambda v: v * 0.1))) == (FaceDecision.RETAKE, "too_dark")
    dim = edited(clip, lambda p: p.point(lambda v: v * 0.25))
    assert answer(portraits.a3, dim) == (FaceDecision.RETAKE, "too_dark")
    glare = edited(clip, lambda p: p.point(lambda v: 225 + v * 0.12))
    assert answer(portraits.a3, glare) == (FaceDecision.RETAKE, "too_bright")


def test_blur(portraits: Portraits, clip: FaceClip) -> None:
    blurred = edited(clip, lambda p: p.filter(ImageFilter.GaussianBlur(6)))
    assert answer(portraits.a3, blurred) == (FaceDecision.RETAKE, "blurred")


def test_far_away_and_tiny(portraits: Portraits, clip: FaceClip) -> None:
    def far(picture: Image.Image) -> Image.Image:
        room = noise((640, 480)).filter(ImageFilter.GaussianBlur(4))
        room.paste(picture.resize((230, 307)), (120, 150))
        return room

    assert answer(portraits.a3, edited(clip, far)) == (FaceDecision.RETAKE, "face_too_small")
    tiny = edited(clip, lambda p: p.resize((90, 120)))
    assert answer(portraits.a3, tiny) == (FaceDecision.RETAKE, "image_too_small")


def test_two_faces(portraits: Portraits, clip: FaceClip) -> None:
    def doubled(picture: Image.Image) -> Image.Image:
        both = Image.new("RGB", (960, 640))
        both.paste(picture, (0, 0))
        both.paste(picture, (480, 0))
        return both

    assert answer(portraits.a3, edited(clip, doubled)) == (FaceDecision.RETAKE, "several_faces")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"", "not_an_image"),
        (b"<html>no</html>", "not_an_image"),
        (bomb(16_000, 6_000), "image_too_large"),
        (bytes(700 * 1024), "frame_too_big"),
    ],
)
def test_one_bad_file_among_good_ones(portraits: Portraits, clip: FaceClip, bad: bytes, reason: str) -> None:
    images = [f.image for f in clip.frames]
    images[7] = bad
    assert answer(portraits.a3, resealed(clip, images)) == (FaceDecision.RETAKE, reason)


def test_cut_off_file(portraits: Portraits, clip: FaceClip) -> None:
    images = [f.image for f in clip.frames]
    images[7] = images[7][: len(images[7]) // 2]
    assert answer(portraits.a3, resealed(clip, images)) == (FaceDecision.RETAKE, "not_an_image")


def test_wrong_mac_fails_before_any_picture_is_opened(portraits: Portraits, clip: FaceClip) -> None:
    frames = [replace(f, image=b"not opened") for f in clip.frames]
    assert answer(portraits.a3, FaceClip(tuple(frames))) == (FaceDecision.FAIL, "forged_frame")


def test_random_bytes_never_raise(portraits: Portraits, clip: FaceClip) -> None:
    rng = random.Random(6)
    for _ in range(30):
        images = [f.image for f in clip.frames]
        broken = bytearray(images[0])
        for _ in range(rng.randrange(1, 60)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        images[0] = bytes(broken[: rng.randrange(1, len(broken))])
        assert answer(portraits.a3, resealed(clip, images))[0] is not FaceDecision.PASS


def test_unusable_reference_has_its_own_word(portraits: Portraits, clip: FaceClip) -> None:
    buffer = io.BytesIO()
    noise((400, 300)).save(buffer, "JPEG")
    for reference in (b"", b"rubbish", buffer.getvalue(), bomb(16_000, 6_000)):
        assert answer(reference, clip) == (FaceDecision.RETAKE, "reference_unusable")


def test_a_second_thread_is_refused(portraits: Portraits) -> None:
    engine = LocalFaceEngine()
    engine.verify(portraits.a3, CHALLENGE, FaceClip(()))
    with ThreadPoolExecutor(1) as pool, pytest.raises(RuntimeError):
        pool.submit(engine.verify, portraits.a3, CHALLENGE, FaceClip(())).result()
