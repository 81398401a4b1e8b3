from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.ports import FaceAction, FaceChallenge, FaceClip, FaceFrame
from providers.faces.frames import check_frames, frame_mac
from providers.faces.reasons import Reason, Refused

CHALLENGE = FaceChallenge(
    nonce=bytes(range(32)),
    actions=(FaceAction.NEUTRAL, FaceAction.BLINK, FaceAction.NOD, FaceAction.TURN_LEFT),
    deadline_ms=4000,
)


def frame(index: int, action: int, at_ms: int, image: bytes, nonce: bytes = CHALLENGE.nonce) -> FaceFrame:
    return FaceFrame(index, action, at_ms, image, frame_mac(nonce, index, action, at_ms, image))


def good() -> list[FaceFrame]:
    return [frame(i, i // 6, i * 200, b"picture %d" % i) for i in range(24)]


def again(frames: list[FaceFrame], change: Callable[[FaceFrame], dict[str, object]]) -> list[FaceFrame]:
    """The frames with changed fields and right MACs."""
    changed = [replace(f, **change(f)) for f in frames]  # type: ignore[arg-type]
    return [frame(f.index, f.action, f.at_ms, f.image) for f in changed]


def refusal(frames: list[FaceFrame], challenge: FaceChallenge = CHALLENGE) -> Reason | None:
    try:
        check_frames(challenge, FaceClip(tuple(frames)), max_frames=40, max_bytes=1000)
    except Refused as refused:
        return refused.reason
    return None


def test_mac_follows_the_published_formula() -> None:
    text = b"3|1|640|" + hashlib.sha256(b"image").hexdigest().encode()
    assert frame_mac(b"n" * 32, 3, 1, 640, b"image") == hmac.new(b"n" * 32, text, hashlib.sha256).digest()


def test_right_frames_pass() -> None:
    assert refusal(good()) is None


@pytest.mark.parametrize(
    ("field", "value"), [("index", 99), ("action", 0), ("at_ms", 4601), ("image", b"other"), ("mac", bytes(32))]
)
def test_any_changed_field_breaks_the_mac(field: str, value: object) -> None:
    frames = good()
    frames[23] = replace(frames[23], **{field: value})  # type: ignore[arg-type]
    assert refusal(frames) is Reason.FORGED_FRAME


def test_empty_mac_and_other_nonce_are_forgeries() -> None:
    assert refusal([replace(f, mac=b"") for f in good()]) is Reason.FORGED_FRAME
    assert refusal(good(), replace(CHALLENGE, nonce=bytes(32))) is Reason.FORGED_FRAME


def test_counts_and_sizes() -> None:
    assert refusal([]) is Reason.NO_FRAMES
    assert refusal(good()[:11]) is Reason.TOO_FEW_FRAMES
    assert refusal([frame(i, i // 12, i * 100, b"%d" % i) for i in range(41)]) is Reason.TOO_MANY_FRAMES
    assert refusal([*good()[:23], frame(23, 3, 4600, bytes(1001))]) is Reason.FRAME_TOO_BIG


def test_order_of_indices_and_actions() -> None:
    frames = good()
    assert refusal([*frames[:22], frames[23], frames[22]]) is Reason.WRONG_SEQUENCE
    assert refusal(again(frames, lambda f: {"action": 3 - f.action})) is Reason.WRONG_SEQUENCE
    assert refusal(again(frames, lambda f: {"action": min(f.action, 2)})) is Reason.WRONG_SEQUENCE
    assert refusal(again(frames, lambda f: {"action": 2 if f.action == 1 else f.action})) is Reason.WRONG_SEQUENCE
    assert refusal(again(frames, lambda f: {"index": f.index + 1})) is Reason.WRONG_SEQUENCE


def test_an_action_needs_frames() -> None:
    assert (
        refusal(again(good(), lambda f: {"action": 3 if f.index == 23 else min(f.action, 2)})) is Reason.TOO_FEW_FRAMES
    )


def test_deadlines_and_pace() -> None:
    assert refusal(again(good(), lambda f: {"at_ms": f.at_ms * 4})) is Reason.TOO_LATE
    assert refusal(again(good(), lambda f: {"at_ms": f.at_ms + 1})) is Reason.TOO_LATE
    assert refusal(again(good(), lambda f: {"at_ms": f.index * 10})) is Reason.IMPLAUSIBLE_TIMING
    assert refusal(again(good(), lambda f: {"at_ms": 600 - f.index if f.index else 0})) is Reason.IMPLAUSIBLE_TIMING
    assert (
        refusal(again(good(), lambda f: {"at_ms": f.at_ms + (2500 if f.index > 5 else 0)})) is Reason.IMPLAUSIBLE_TIMING
    )
    assert refusal(again(good(), lambda f: {"at_ms": f.index * 31})) is Reason.IMPLAUSIBLE_TIMING


def test_the_same_file_twice() -> None:
    assert refusal(again(good(), lambda f: {"image": b"same" if f.index in (3, 17) else f.image})) is (
        Reason.DUPLICATE_FRAMES
    )


@pytest.mark.parametrize(
    "challenge",
    [
        replace(CHALLENGE, actions=()),
        replace(CHALLENGE, actions=CHALLENGE.actions[1:]),
        replace(CHALLENGE, actions=(*CHALLENGE.actions, FaceAction.NEUTRAL)),
        replace(CHALLENGE, nonce=b"short"),
        replace(CHALLENGE, deadline_ms=0),
    ],
)
def test_a_broken_challenge_passes_nothing(challenge: FaceChallenge) -> None:
    assert refusal(good(), challenge) is Reason.BAD_CHALLENGE
