"""Memory of the web workers after a load on every door, and whether the face stack came near them.

python -m bench web_memory
"""

from __future__ import annotations

from pathlib import Path

import psutil

from bench.dossier_read import CLIENTS, ROUTE
from bench.load import closed_loop, get
from bench.stand import file_graduate, gunicorn, stand

TARGET_MB = 150
SECONDS = 4.0
FACE_STACK = ("dlib", "face_recognition", "_dlib_pybind11")


def run() -> bool:
    with stand() as on:
        token = file_graduate(on.parts, 1)
        with gunicorn(on, "wsgi:create_app()", "/readyz") as (port, process_id):
            paths = (ROUTE, "/api/v1/dossier/sections/course", "/api/v1/me", "/api/v1/corrections")
            requests = [get(path, token) for path in paths]
            requests += [get("/console/sign-in"), get("/api/v1/openapi.json")]
            loads = closed_loop(port, requests, clients=max(CLIENTS, len(requests)), seconds=SECONDS)
            workers = psutil.Process(process_id).children()
            resident = [worker.memory_info().rss / 2**20 for worker in workers]
            maps = "".join(Path(f"/proc/{worker.pid}/maps").read_text() for worker in workers)
    found = [name for name in FACE_STACK if name in maps]
    kept = bool(resident) and max(resident) < TARGET_MB and not found
    words = ", ".join(f"{mb:.0f} MB" for mb in resident)
    print(f"web_memory: {len(resident)} workers after {len(loads.latencies)} requests of six kinds {loads.statuses}")
    print(f"  resident {words}   target < {TARGET_MB} MB; face stack mapped: {', '.join(found) or 'no'}", end="")
    print(f"   {'kept' if kept else 'MISSED'}")
    return kept
