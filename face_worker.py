"""The face worker's entry: the only process that loads the face stack, and it has one thread for it."""

from __future__ import annotations

import asyncio
import os

from app import logs
from app.job_worker import register, work
from app.jobs import VerifyFace
from app.settings import load_settings
from auth.factors import FACE_HEARTBEAT
from auth.local_face import FaceWork
from providers.faces.engine import LocalFaceEngine
from wiring import build, build_queue_app, service_urls

BEAT_TTL_S = 15
# a clip takes a second or two of a core: people at the other doors go first
NICENESS = 5


def main() -> None:
    os.nice(NICENESS)
    logs.configure()
    settings = load_settings()
    urls = service_urls(settings)
    parts = build(settings, urls)
    queue = build_queue_app(urls)
    work_on = FaceWork(
        parts.db,
        parts.keys,
        parts.dossiers,
        parts.outside.frames,
        LocalFaceEngine(),
        parts.lockouts,
        parts.log,
        parts.clock,
    )
    register(queue, VerifyFace, work_on.handle, inline=True)

    def beat() -> None:
        parts.outside.cache.put(FACE_HEARTBEAT, b"1", BEAT_TTL_S)

    asyncio.run(work(queue, ["face"], concurrency=1, tick=beat))


if __name__ == "__main__":
    main()
