"""Genuine clips pass and every attack is refused: the short form of ``python -m bench.face_attacks``."""

from __future__ import annotations

import random

import pytest

from app.ports import FaceDecision
from bench.face_attacks import unseen_warp
from providers.faces.challenge import issue_challenge
from providers.faces.engine import LocalFaceEngine
from providers.sandbox.attacks import Attack, Scene, stage
from providers.sandbox.camera import DEFAULT_WARP, SimulatedCamera
from tests.providers.faces.conftest import Portraits

pytestmark = pytest.mark.faces

SEED = 2101
EXPECTED = {
    Attack.IDENTICAL_FRAMES: {"duplicate_frames"},
    Attack.RESAVED_FRAMES: {"duplicate_frames"},
    Attack.OLD_CLIP: {"forged_frame"},
    Attack.FORGED_MAC: {"forged_frame"},
    Attack.FRAMES_SWAPPED: {"wrong_sequence"},
    Attack.TOO_LATE: {"too_late"},
    Attack.TWO_FACES: {"several_faces"},
    Attack.TWO_FACES_ONCE: {"several_faces"},
    Attack.REGISTRAR_PHOTO: {"reference_replayed"},
}


@pytest.fixture(scope="module")
def engine() -> LocalFaceEngine:
    return LocalFaceEngine()


@pytest.fixture(scope="module")
def scene(portraits: Portraits) -> Scene:
    """Portrait, strength of movement, noise and light other than those the thresholds were set with."""
    return Scene(portraits.a3, portraits.a1, portraits.b1, SEED, unseen_warp(random.Random(SEED)))


def test_genuine_clips_pass(portraits: Portraits, engine: LocalFaceEngine) -> None:
    rng, passed, refused = random.Random(SEED), 0, []
    for portrait, reference in ((portraits.a3, portraits.a1), (portraits.a1, portraits.a3)):
        for warp in (DEFAULT_WARP, unseen_warp(rng)):
            challenge = issue_challenge(rng)
            clip = SimulatedCamera(portrait, seed=rng.randrange(10**6), warp=warp).record(challenge)
            verdict = engine.verify(reference, challenge, clip)
            passed += verdict.decision is FaceDecision.PASS
            refused += [verdict.reason] if verdict.decision is not FaceDecision.PASS else []
    print(f"genuine clips passed {passed}/4, refused for {refused}")
    assert passed == 4


@pytest.mark.parametrize("attack", list(Attack))
def test_attack_is_refused(attack: Attack, scene: Scene, engine: LocalFaceEngine) -> None:
    challenge = issue_challenge(random.Random(SEED))
    verdict = engine.verify(scene.registrar, challenge, stage(attack, scene, challenge))
    assert verdict.decision in (FaceDecision.FAIL, FaceDecision.RETAKE)
    assert verdict.reason in EXPECTED.get(attack, {verdict.reason})


def test_another_person_doing_it_all_right_is_a_mismatch(portraits: Portraits, engine: LocalFaceEngine) -> None:
    challenge = issue_challenge(random.Random(SEED))
    verdict = engine.verify(portraits.a2, challenge, SimulatedCamera(portraits.b1, seed=1).record(challenge))
    assert (verdict.decision, verdict.reason) == (FaceDecision.FAIL, "mismatch")
    assert verdict.distance is not None
    assert verdict.distance > 0.6


def test_the_attackers_film_would_pass_if_it_were_genuine(scene: Scene, engine: LocalFaceEngine) -> None:
    """The attacks above are refused for what they fake, not for the camera they were made with."""
    challenge = issue_challenge(random.Random(SEED))
    clip = scene.camera(scene.victim).record(challenge)
    assert engine.verify(scene.registrar, challenge, clip).decision is FaceDecision.PASS
