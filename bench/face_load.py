"""What people at the API feel while 20 clips wait for the face worker: p95 of 8 clients against their idle p95.

python -m bench face_load
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median

from sqlalchemy import func, select

from app.actors import Actor, Purpose
from app.db import new_id
from app.envelope import seal_json
from app.ports import FaceChallenge, FaceClip
from auth.factors import FACE_HEARTBEAT
from auth.local_face import LocalFace
from auth.models import Verification, VerificationState
from auth.places import state_place
from auth.rules import Factor
from bench.dossier_read import CLIENTS, ROUTE
from bench.face_attacks import read_portrait
from bench.face_calibrate import ROOT
from bench.load import Load, closed_loop, get
from bench.stand import PROJECT, Stand, file_graduate, gunicorn, stand
from providers.faces.challenge import issue_challenge
from providers.sandbox.camera import SimulatedCamera

CLIPS = 20
SECONDS = 4.0
ROUNDS = 2
TARGET = 2.0


@contextmanager
def face_worker(on: Stand) -> Iterator[None]:
    """The real one, until its heart beats."""
    log = on.folder / "face-worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "face_worker.py"], cwd=PROJECT, env=dict(on.environment), stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 60
        while on.parts.outside.cache.get(FACE_HEARTBEAT) is None:
            if worker.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the face worker does not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield
    finally:
        worker.terminate()
        worker.wait(30)


def queue_clips(on: Stand, actor: Actor, challenge: FaceChallenge, clip: FaceClip) -> None:
    """The same genuine clip as many verifications, each with frames of its own in the box."""
    hidden = {
        "nonce": challenge.nonce.hex(),
        "actions": [a.value for a in challenge.actions],
        "deadline_ms": challenge.deadline_ms,
        "lock": "bench",
    }
    settings, parts = on.parts.settings, on.parts
    door = LocalFace(
        parts.db,
        parts.outside.frames,
        lambda: challenge,
        parts.queue,
        parts.log,
        parts.clock,
        max_frames=settings.clip_max_frames,
        max_frame_bytes=settings.frame_max_bytes,
    )
    house, now = parts.keys.house(), parts.clock.now()
    for _ in range(CLIPS):
        row = Verification(
            id=new_id(),
            session_id=actor.session_id,
            graduate_id=actor.id,
            factor=Factor.LOCAL_FACE,
            purpose=Purpose.VIEW_DOSSIER,
            state=VerificationState.WAITING,
            order_no=new_id().hex,
            created_at=now,
            expires_at=now + timedelta(minutes=3),
        )
        row.sealed_state = seal_json(house, state_place(row.id), hidden)
        with parts.db.transaction() as session:
            session.add(row)
        door.hand_over(actor, row.id, hidden, clip.frames)


def waiting(on: Stand) -> int:
    query = select(func.count(Verification.id)).where(Verification.state == VerificationState.QUEUED)
    with on.parts.db.transaction() as session:
        return session.scalar(query) or 0


def measure(on: Stand) -> tuple[list[Load], list[Load], int]:
    """(idle rounds, rounds with clips waiting, clips still waiting at the end of the busiest round)."""
    folder = ROOT / "var" / "portraits"
    token = file_graduate(on.parts, 1, photo=read_portrait(folder, "person_a_3"))
    actor = on.parts.sessions.resolve(token).actor
    challenge = issue_challenge(random.Random(1))
    clip = SimulatedCamera(read_portrait(folder, "person_a_1"), seed=1).record(challenge)
    idle: list[Load] = []
    busy: list[Load] = []
    left = CLIPS
    with gunicorn(on, "wsgi:create_app()", "/readyz") as (port, _), face_worker(on):
        requests = [get(ROUTE, token)]
        closed_loop(port, requests, clients=CLIENTS, seconds=2.0)
        for _ in range(ROUNDS):
            idle.append(closed_loop(port, requests, clients=CLIENTS, seconds=SECONDS))
            queue_clips(on, actor, challenge, clip)
            time.sleep(1.0)
            busy.append(closed_loop(port, requests, clients=CLIENTS, seconds=SECONDS))
            left = min(left, waiting(on))
            while waiting(on):
                time.sleep(0.5)
    return idle, busy, left


def run() -> bool:
    with stand() as on:
        idle, busy, left = measure(on)
    quiet, loaded = (1000 * median(load.percentile(0.95) for load in loads) for loads in (idle, busy))
    if left == 0:
        raise SystemExit("the clips were all judged before the measurement ended: it shows nothing")
    kept = loaded / quiet <= TARGET
    print(f"face_load: {CLIENTS} closed-loop clients on {ROUTE}, {CLIPS} clips queued, {left} or more left after it")
    print(f"  p95 idle {quiet:.1f} ms, with clips waiting {loaded:.1f} ms: ratio {loaded / quiet:.2f}", end="")
    print(f"   target ≤ {TARGET:.2f}  {'kept' if kept else 'MISSED'}")
    return kept
