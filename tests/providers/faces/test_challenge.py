from __future__ import annotations

import random
import subprocess
import sys

from app.ports import FaceAction
from providers.faces.challenge import ASKABLE, DEADLINE_MS, issue_challenge


def test_rest_comes_first_then_three_different_actions() -> None:
    for seed in range(50):
        challenge = issue_challenge(random.Random(seed))
        assert challenge.actions[0] is FaceAction.NEUTRAL
        assert len(set(challenge.actions[1:])) == 3
        assert set(challenge.actions[1:]) <= set(ASKABLE)
        assert len(challenge.nonce) == 32
        assert challenge.deadline_ms == DEADLINE_MS


def test_every_order_comes_up() -> None:
    rng = random.Random(1)
    assert len({issue_challenge(rng).actions for _ in range(2000)}) == 60


def test_every_challenge_moves_the_head() -> None:
    moving = {FaceAction.TURN_LEFT, FaceAction.TURN_RIGHT, FaceAction.NOD}
    rng = random.Random(2)
    assert all(moving & set(issue_challenge(rng).actions) for _ in range(500))


def test_system_randomness_is_accepted_and_nonces_differ() -> None:
    rng = random.SystemRandom()
    assert issue_challenge(rng).nonce != issue_challenge(rng).nonce


def test_web_processes_get_challenges_without_the_face_stack() -> None:
    code = (
        "import sys, providers.faces.challenge, providers.faces.frames\n"
        "heavy = {'dlib', 'face_recognition', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(1 if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
