"""What the server asks of the person. Loads no face stack: web processes use it."""

from __future__ import annotations

import random

from app.ports import FaceAction, FaceChallenge

ACTIONS_ASKED = 3
DEADLINE_MS = 4000
NONCE_BYTES = 32

ASKABLE = (
    FaceAction.BLINK,
    FaceAction.TURN_LEFT,
    FaceAction.TURN_RIGHT,
    FaceAction.OPEN_MOUTH,
    FaceAction.NOD,
)


def issue_challenge(rng: random.Random) -> FaceChallenge:
    """A rest, then three different actions in random order (60 possible orders).

    Pass a ``secrets.SystemRandom`` in service; a seeded ``random.Random`` makes tests repeatable. Three of these five
    always hold one that moves the head, so a flat picture can always be told.
    """
    actions = (FaceAction.NEUTRAL, *rng.sample(ASKABLE, ACTIONS_ASKED))
    return FaceChallenge(nonce=rng.randbytes(NONCE_BYTES), actions=actions, deadline_ms=DEADLINE_MS)
