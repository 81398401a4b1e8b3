"""The HR office as a program: a page that lists what it got, an address to push to, and a loop that fetches.

    python -m providers.sandbox.hr_desk --base URL --code CODE --credential-file F --identity-file F --keys F \\
        --folder D [--port N] [--every SECONDS] [--receipt-key F]

``--identity-file`` is what ``age-keygen`` writes; a fresh one is made when it is absent, and its public key printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from flask import Flask, Response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from providers.sandbox.hr_checks import HrIdentity, keys_in
from providers.sandbox.hr_office import Answer, HrOffice, Interrupted, offline_by
from providers.sandbox.server import HOST, loopback_only, sandbox_server

PROJECT = Path(__file__).resolve().parents[2]
STATES = {
    "arriving": "接收中",
    "answering": "答复中",
    "accepted": "已接收",
    "rejected": "已退回",
    "refused": "不可信，已退回",
    "withdrawn": "发送方已撤回",
}
PUSH_LIMIT = 64 * 1024 * 1024


def create_hr_desk(office: HrOffice) -> Flask:
    """``/`` for people, ``/inbox/<package>`` for pushes; loopback only, as the whole sandbox."""
    app = Flask("providers.sandbox")
    app.config["MAX_CONTENT_LENGTH"] = PUSH_LIMIT
    app.before_request(loopback_only)

    @app.get("/")
    def home() -> str:
        return render_template("sandbox/hr_office.html", office=office, got=list(office.got.values()), states=STATES)

    @app.put("/inbox/<uuid:package>/envelope")
    def envelope(package: object) -> Response:
        body = request.get_json()
        office.take_envelope(str(package), body["envelope"], body["signature"])
        return Response(status=204)

    @app.put("/inbox/<uuid:package>")
    def chunk(package: object) -> BaseResponse:
        status, held = office.take_chunk(str(package), request.headers.get("Content-Range", ""), request.get_data())
        reply = Response(status=status)
        if status == 308 and held:
            reply.headers["Range"] = f"bytes=0-{held - 1}"
        return reply

    @app.post("/script")
    def script() -> tuple[dict[str, str], int]:
        """How the next packages are answered: reasons (several) and a note, or nothing for accepting."""
        answer = Answer(tuple(request.form.getlist("reason")), request.form.get("note", ""))
        office.script = lambda _: answer
        return {"next": "rejected" if answer.reasons else "accepted"}, 200

    return app


def identity_at(path: Path) -> object:
    if not path.exists():
        made = pyrage.x25519.Identity.generate()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:  # noqa: PTH123
            out.write(f"# public key: {made.to_public()}\n{made}\n")
    lines = [x for x in path.read_text().splitlines() if x.startswith("AGE-SECRET-KEY-")]
    return pyrage.x25519.Identity.from_str(lines[0])


def _receipt_key(path: Path | None) -> Ed25519PrivateKey | None:
    if path is None:
        return None
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit("--receipt-key holds no Ed25519 key")
    return key


def _office(chosen: argparse.Namespace) -> HrOffice:
    who = HrIdentity(chosen.code, identity_at(chosen.identity_file), keys_in(chosen.keys.read_bytes()))
    check = [str(PROJECT / "lantai"), "check", "--offline", "{folder}", "--public-key", str(chosen.keys)]
    return HrOffice(
        who,
        chosen.base,
        chosen.credential_file.read_text().strip(),
        chosen.folder,
        offline_by(check),
        receipt_key=_receipt_key(chosen.receipt_key),
    )


def fetch_for_ever(office: HrOffice, every_s: float, stop: threading.Event) -> None:
    while not stop.wait(every_s):
        try:
            office.work()
        except Interrupted as error:
            sys.stderr.write(f"hr office: {error}\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m providers.sandbox.hr_desk", description="Sandbox of an HR office")
    parser.add_argument("--base", required=True)
    parser.add_argument("--code", required=True)
    for name in ("credential-file", "identity-file", "keys", "folder"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--receipt-key", type=Path)
    parser.add_argument("--port", type=int, default=9310)
    parser.add_argument("--every", type=float, default=5.0)
    chosen = parser.parse_args(arguments)
    office, stop = _office(chosen), threading.Event()
    server = sandbox_server(create_hr_desk(office), chosen.port)
    sys.stderr.write(f"SANDBOX HR office http://{HOST}:{server.server_port}/  {office.who.identity.to_public()}\n")
    sys.stderr.flush()
    loop = threading.Thread(target=fetch_for_ever, args=(office, chosen.every, stop), daemon=True)
    loop.start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        stop.set()
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
