"""Local face from request to verdict. The engine has tests of its own; here it says what it is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.errors import Tampered
from app.jobs import VerifyFace
from app.ports import FaceDecision, FaceVerdict
from auth.factors import FACE_HEARTBEAT
from auth.local_face import FaceWork
from parts import Lantai
from providers.frames import RedisFrameBox
from providers.redis_store import connect
from tests.auth.conftest import Rebuild, begin, claim_of, enter, prove
from tests.conftest import ApiClient, Person
from tests.fakes import FakeClock, FakeEngine, jpeg


def frames_for(begun: dict[str, Any], count: int = 3) -> dict[str, Any]:
    """A clip as a client sends it: each frame with its MAC under the challenge's nonce."""
    nonce, image = bytes.fromhex(begun["client"]["nonce"]), jpeg()
    frames = []
    for n in range(count):
        text = f"{n}|0|{n * 100}|{hashlib.sha256(image).hexdigest()}"
        mac = hmac.digest(nonce, text.encode(), "sha256").hex()
        frames.append({"action": 0, "at_ms": n * 100, "mac": mac, "image": base64.b64encode(image).decode()})
    return {"frames": frames}


def capture(http: ApiClient, purpose: str = "bind") -> str:
    """Begin and send a clip; the verification's id."""
    begun = begin(http, "local_face", purpose)
    assert begun.status_code == 201, begun.json
    sent = http.post(f"/verifications/{begun.json['id']}/frames", json=frames_for(begun.json))
    assert (sent.status_code, sent.json["state"]) == (202, "queued")
    return str(begun.json["id"])


def work(face_work: FaceWork, verification_id: str) -> None:
    face_work.handle(VerifyFace(UUID(verification_id)))


@pytest.fixture
def alipay(claimed: Callable[..., ApiClient]) -> Callable[..., ApiClient]:
    return lambda person, open_id="open-a", **changes: claimed(person, open_id, "alipay", **changes)


def test_the_full_path(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    engine: FakeEngine,
    lantai: Lantai,
) -> None:
    person = graduate_factory()
    http = alipay(person)
    verification = capture(http)
    waiting = http.get(f"/verifications/{verification}").json
    assert (waiting["state"], waiting["client"]) == ("queued", {})
    early = http.post(f"/verifications/{verification}/proof", json={})
    assert (early.status_code, early.json["code"]) == (409, "verification_state")
    work(face_work, verification)
    assert engine.references == [lantai.dossiers.reference_photo(person.id)]
    assert http.get(f"/verifications/{verification}").json["state"] == "verified"
    assert http.get("/me").json["bound"] is False  # counts only once its own session collects it
    done = http.post(f"/verifications/{verification}/proof", json={}).json
    assert (done["state"], done["session"]["bound"]) == ("passed", True)
    http.token = done["session"]["access_token"]
    assert http.get("/me").json["assurance"] == 2
    twice = http.post(f"/verifications/{verification}/proof", json={})
    assert twice.json["code"] == "verification_state"


def test_frames_are_gone_after_the_verdict_and_sealed_before(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    lantai: Lantai,
    urls: Any,
) -> None:
    http = alipay(graduate_factory())
    verification = capture(http)
    store = connect(urls.redis_url)
    (name,) = store.keys("frames:*")
    held: Any = store.get(name)
    assert jpeg() not in held
    assert 0 < store.ttl(name) <= 120
    store.set(name, bytes([held[0] ^ 1]) + held[1:])
    with pytest.raises(Tampered):
        work(face_work, verification)
    store.set(name, held)
    work(face_work, verification)
    assert store.keys("frames:*") == []
    store.close()


@pytest.mark.parametrize(
    ("decision", "reason", "state", "counted"),
    [
        (FaceDecision.FAIL, "mismatch", "failed", True),
        (FaceDecision.UNSURE, "match_unsure", "failed", True),
        (FaceDecision.RETAKE, "too_dark", "retake", False),
    ],
)
def test_verdicts_and_tries(
    decision: FaceDecision,
    reason: str,
    state: str,
    counted: bool,
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    engine: FakeEngine,
) -> None:
    http = alipay(graduate_factory())
    engine.verdict = FaceVerdict(decision, reason, 0.6)
    for _ in range(5):
        verification = capture(http)
        work(face_work, verification)
        shown = http.get(f"/verifications/{verification}").json
        assert (shown["state"], shown["reason"], shown["session"]) == (state, reason, None)
        assert set(shown["alternatives"]) == {"alipay_certify", "activation_code"}
        assert http.post(f"/verifications/{verification}/proof", json={}).json["code"] == "verification_state"
    sixth = begin(http, "local_face")
    assert (sixth.status_code == 429) is counted
    if counted:
        assert sixth.json["code"] == "locked_out"
        assert begin(http, "alipay_certify").status_code == 201


def test_a_worker_killed_in_mid_clip_is_succeeded_without_a_second_count(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    engine: FakeEngine,
    lantai: Lantai,
) -> None:
    class Killed(Exception):
        pass

    class DyingEngine(FakeEngine):
        def verify(self, *args: Any) -> FaceVerdict:
            raise Killed

    http = alipay(graduate_factory())
    verification = capture(http)
    dying = FaceWork(
        lantai.db,
        lantai.keys,
        lantai.dossiers,
        lantai.outside.frames,
        DyingEngine(),
        lantai.lockouts,
        lantai.log,
        lantai.clock,
    )
    with pytest.raises(Killed):
        work(dying, verification)
    assert http.get(f"/verifications/{verification}").json["state"] == "queued"
    engine.verdict = FaceVerdict(FaceDecision.FAIL, "mismatch", 0.7)
    work(face_work, verification)
    # the queue may hand the job out again: judged once, counted once
    engine.verdict = FaceVerdict(FaceDecision.PASS, "match", 0.3)
    work(face_work, verification)
    assert len(engine.references) == 1
    assert http.get(f"/verifications/{verification}").json["state"] == "failed"
    tries = []
    for _ in range(4):
        engine.verdict = FaceVerdict(FaceDecision.FAIL, "mismatch", 0.7)
        again = begin(http, "local_face")
        tries.append(again.status_code)
        http.post(f"/verifications/{again.json['id']}/frames", json=frames_for(again.json))
        work(face_work, again.json["id"])
    assert tries == [201] * 4
    assert begin(http, "local_face").status_code == 429


def test_frames_that_expired_before_pick_up_mean_capture_again_and_cost_no_try(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    engine: FakeEngine,
    lantai: Lantai,
) -> None:
    http = alipay(graduate_factory())
    for _ in range(6):
        verification = capture(http)
        lantai.outside.frames.drop(UUID(verification))
        work(face_work, verification)
        shown = http.get(f"/verifications/{verification}").json
        assert (shown["state"], shown["reason"]) == ("retake", "frames_expired")
    assert engine.references == []
    assert begin(http, "local_face").status_code == 201


def test_a_claim_that_fits_nobody_is_judged_against_anothers_photo(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    engine: FakeEngine,
) -> None:
    """Same cost, same words: even a pass against the decoy is a mismatch."""
    hit, _ = graduate_factory(), graduate_factory()
    answers = []
    for decision, reason in ((FaceDecision.PASS, "match"), (FaceDecision.FAIL, "mismatch")):
        http = alipay(hit, f"open-{reason}", name="别人")
        engine.verdict = FaceVerdict(decision, reason, 0.3)
        verification = capture(http)
        work(face_work, verification)
        shown = http.get(f"/verifications/{verification}").json
        answers.append({k: shown[k] for k in ("state", "reason", "tries_left", "alternatives", "session")})
    assert len(engine.references) == 2
    assert all(engine.references)
    assert answers[0] == answers[1]
    assert (answers[0]["state"], answers[0]["reason"]) == ("failed", "mismatch")


def test_an_honest_clip_does_not_bind_a_claim_made_afterwards(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    clock: FakeClock,
) -> None:
    attacker, victim = graduate_factory(), graduate_factory()
    http = alipay(attacker)
    verification = capture(http)
    work(face_work, verification)
    clock.advance(seconds=1)
    assert http.post("/claims", json=claim_of(victim)).status_code == 202
    done = http.post(f"/verifications/{verification}/proof", json={})
    assert (done.status_code, done.json["code"]) == (409, "verification_state")
    assert http.get("/me").json["bound"] is False


def test_a_verified_clip_that_is_not_collected_in_time_expires(
    graduate_factory: Callable[..., Person], alipay: Callable[..., ApiClient], face_work: FaceWork, clock: FakeClock
) -> None:
    http = alipay(graduate_factory())
    verification = capture(http)
    work(face_work, verification)
    clock.advance(seconds=180)
    assert http.post(f"/verifications/{verification}/proof", json={}).json["state"] == "expired"
    assert http.get("/me").json["bound"] is False


def test_a_worker_that_is_down_or_behind_means_503_with_the_other_ways(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    lantai: Lantai,
    clock: FakeClock,
    school_code: Callable[[Person], str],
) -> None:
    person = graduate_factory()
    http = alipay(person)
    assert http.get("/factors").json["face_health"] == "down"
    down = begin(http, "local_face")
    assert (down.status_code, down.json["code"], down.json["health"]) == (503, "face_unavailable", "down")
    assert set(down.json["factors"]) == {"alipay_certify", "activation_code"}
    assert down.headers["Retry-After"]
    lantai.outside.cache.put(FACE_HEARTBEAT, b"1", 60)
    assert http.get("/factors").json["face_health"] == "ok"
    capture(http)
    clock.advance(seconds=21)
    assert begin(http, "local_face").json["health"] == "slow"
    assert prove(http, "activation_code", "bind", {"code": school_code(person)}).json["state"] == "passed"


def test_unusable_clips_are_refused_before_they_are_queued(
    graduate_factory: Callable[..., Person], alipay: Callable[..., ApiClient], face_work: FaceWork, rebuilt: Rebuild
) -> None:
    http = alipay(graduate_factory())
    begun = begin(http, "local_face").json
    path = f"/verifications/{begun['id']}/frames"
    good = frames_for(begun)["frames"]

    def refused(frames: object) -> tuple[int, str]:
        reply = http.post(path, json={"frames": frames})
        return reply.status_code, reply.json["code"]

    assert refused([]) == (422, "invalid_input")
    assert refused(good * 20) == (422, "invalid_input")
    assert refused([{**good[0], "image": "not base64!"}]) == (422, "invalid_input")
    assert refused([{**good[0], "mac": "00"}]) == (422, "invalid_input")
    assert refused([{**good[0], "action": 9}]) == (422, "clip_unusable")
    huge = base64.b64encode(b"\xff" * (600 * 1024 + 1)).decode()
    assert refused([{**good[0], "image": huge}]) == (413, "frame_too_large")
    assert http.get(f"/verifications/{begun['id']}").json["state"] == "waiting"
    assert http.post(path, json={"frames": good}).status_code == 202
    assert http.post(path, json={"frames": good}).json["code"] == "verification_state"
    platform = begin(http, "alipay_certify").json["id"]
    assert http.post(f"/verifications/{platform}/frames", json={"frames": good}).json["code"] == "verification_state"


def test_with_redis_away_nothing_is_half_done(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    lantai: Lantai,
    rebuilt: Rebuild,
) -> None:
    http = alipay(graduate_factory())
    begun = begin(http, "local_face").json
    dead = RedisFrameBox(connect("redis://127.0.0.1:9/0"), lantai.outside.keys)
    without = ApiClient(rebuilt({"frames": dead})().http, http.token)
    sent = without.post(f"/verifications/{begun['id']}/frames", json=frames_for(begun))
    assert (sent.status_code, sent.json["code"]) == (503, "face_unavailable")
    assert without.get(f"/verifications/{begun['id']}").json["state"] == "waiting"
    # and once it is back the same verification goes on
    assert http.post(f"/verifications/{begun['id']}/frames", json=frames_for(begun)).status_code == 202


def test_a_bound_graduate_steps_up_by_local_face_after_another_family(
    graduate_factory: Callable[..., Person],
    alipay: Callable[..., ApiClient],
    face_work: FaceWork,
    school_code: Callable[[Person], str],
) -> None:
    person = graduate_factory()
    http = alipay(person)
    assert prove(http, "activation_code", "bind", {"code": school_code(person)}).json["state"] == "passed"
    later = enter(ApiClient(http.http), "open-a", "alipay", serial="2")
    assert later.get("/me").json["assurance"] == 0
    later.token = http.token
    verification = capture(later, "view_dossier")
    work(face_work, verification)
    done = later.post(f"/verifications/{verification}/proof", json={}).json
    later.token = done["session"]["access_token"]
    assert later.get("/dossier/sections/award").status_code == 200
