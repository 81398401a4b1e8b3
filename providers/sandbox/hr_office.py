"""The sandbox's HR office: a receiver that fetches packages or is pushed to, believes nothing, and answers by script.

It speaks HTTP with the school's partner door and shares none of its code. What it has got of a package stands on disk,
so that a new process goes on where the last one was killed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.sandbox.hr_checks import HrIdentity, Opened, Refused, canonical, open_package

RECEIPT_PREFIX = b"lantai/electronic-receipt/1\n"
BLOCK = 64 * 1024
TIMEOUT_S = 30.0
_SPAN = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
_ASKED = re.compile(r"bytes \*/([0-9]{1,15})")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the office says of a package it could open: accepted, or sent back."""

    reasons: Sequence[str] = ()
    note: str = ""


Script = Callable[[str], Answer]
"""By package id."""


class Interrupted(Exception):
    """The line broke, or a test broke it."""


@dataclass
class Got:
    """One package as the office knows it."""

    id: str
    transfer: str
    size: int
    came: str
    state: str = "arriving"
    reason: str = ""
    words: str = ""
    receipt: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def offline_by(command: Sequence[str]) -> Callable[[Path], bool]:
    """The archive's own offline check as a program: ``./lantai check --offline FOLDER --public-key FILE``."""

    def run(folder: Path) -> bool:
        made = [part.replace("{folder}", str(folder)) for part in command]
        # the command is the operator's, the folder our own
        return subprocess.run(made, capture_output=True, timeout=300, check=False).returncode == 0  # noqa: S603

    return run


class HrOffice:
    def __init__(
        self,
        who: HrIdentity,
        base: str,
        credential: str,
        folder: Path,
        offline: Callable[[Path], bool],
        *,
        receipt_key: Ed25519PrivateKey | None = None,
        script: Script = lambda _: Answer(),
    ) -> None:
        self.who, self._base, self._credential = who, base.rstrip("/"), credential
        self._folder, self._offline, self._receipt_key, self.script = folder, offline, receipt_key, script
        self.got: dict[str, Got] = {}
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    # --- fetching -----------------------------------------------------------------------------------------------------

    def work(self, *, break_after: int | None = None) -> int:
        """Everything that waits, once; how many packages were dealt with. ``break_after``: bytes of a download after
        which the line breaks (raises Interrupted).
        """
        done = 0
        for told in self.waiting():
            self.fetch(told, break_after=break_after)
            self.judge(told)
            done += 1
        return done

    def waiting(self) -> list[dict[str, Any]]:
        """Every page of the list."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self._call("GET", f"/packages?limit=50{f'&cursor={cursor}' if cursor else ''}").json()
            found += page["items"]
            cursor = page["next"] or ""
            if not cursor:
                return found

    def fetch(self, told: dict[str, Any], *, break_after: int | None = None) -> Path:
        """The cipher text, from where an earlier try ended."""
        path = self._cipher(told["id"])
        self._note(told, "pushed" if self._envelope(told["id"]).exists() else "fetched")
        have = path.stat().st_size if path.exists() else 0
        if have > told["size"]:
            path.unlink()
            have = 0
        if have == told["size"]:
            return path
        headers = {"Range": f"bytes={have}-", "If-Range": f'"{told["sha256"]}"'} if have else {}
        reply = self._call("GET", f"/packages/{told['id']}/content", headers=headers, stream=True)
        with reply, path.open("ab" if reply.status_code == 206 else "wb") as out:
            left = break_after
            for block in reply.iter_content(BLOCK):
                out.write(block if left is None else block[:left])
                if left is not None and (left := left - len(block)) <= 0:
                    raise Interrupted(told["id"])
        return path

    # --- being pushed to ----------------------------------------------------------------------------------------------

    def take_envelope(self, package: str, envelope: str, signature: str) -> None:
        with self._lock:
            self._envelope(package).write_text(f"{signature}\n{envelope}")

    def take_chunk(self, package: str, content_range: str, body: bytes) -> tuple[int, int]:
        """(status, bytes held). 308 until all of it is there; what is there already may be sent again."""
        with self._lock:
            path = self._cipher(package)
            path.touch()
            have = path.stat().st_size
            if (asked := _ASKED.fullmatch(content_range)) is not None:
                return (200 if have >= int(asked[1]) else 308), have
            span = _SPAN.fullmatch(content_range)
            if span is None or int(span[2]) - int(span[1]) + 1 != len(body):
                return 400, have
            start, size = int(span[1]), int(span[3])
            if start <= have < start + len(body):
                with path.open("ab") as out:
                    out.write(body[have - start :])
                have = start + len(body)
            return (200 if have >= size else 308), have

    # --- judging ------------------------------------------------------------------------------------------------------

    def judge(self, told: dict[str, Any]) -> None:
        """Acknowledges, opens, checks and answers; sends back what cannot be believed."""
        package, path = told["id"], self._cipher(told["id"])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        work = Path(tempfile.mkdtemp(prefix="hr-", dir=self._folder))
        try:
            opened = open_package(
                self.who, package, told["envelope"].encode(), told["signature"], path, work, self._offline
            )
            self._say(package, "acknowledgement", {"sha256": digest, "size": path.stat().st_size})
            self._say(package, "check", {"outcome": "passed", "bag_sha256": opened.bag_sha256})
            self._answer(told, opened)
        except Refused as refusal:
            path.unlink(missing_ok=True)  # so that the next try begins anew
            self._mark(package, "refused", refusal.reason, refusal.words)
            self._say(package, "decision", {"decision": "rejected", "reasons": [refusal.reason]})
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _answer(self, told: dict[str, Any], opened: Opened) -> None:
        package, answer = told["id"], self.script(told["id"])
        if answer.reasons:
            body = {"decision": "rejected", "reasons": list(answer.reasons), "note": answer.note}
            self._say(package, "decision", body)
            self._mark(package, "rejected", answer.reasons[0], answer.note)
            return
        self._say(package, "decision", {"decision": "accepted", "manifest_sha256": opened.manifest_sha256})
        number, issued_on = f"HR-{package[:8].upper()}", datetime.now(UTC).date().isoformat()
        receipt = {"manifest_sha256": opened.manifest_sha256, "number": number, "issued_on": issued_on}
        if self._receipt_key is not None:
            receipt["signature"] = self._signed(told, receipt)
        self._say(package, "receipt", receipt)
        self._mark(package, "accepted", receipt=number)

    def _signed(self, told: dict[str, Any], receipt: dict[str, str]) -> str:
        assert self._receipt_key is not None
        body = {**receipt, "format": "lantai-electronic-receipt-1", "package": told["id"], "transfer": told["transfer"]}
        return base64.b64encode(self._receipt_key.sign(RECEIPT_PREFIX + canonical(body))).decode()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _cipher(self, package: str) -> Path:
        return self._folder / f"{UUID(package)}.age"

    def _envelope(self, package: str) -> Path:
        return self._folder / f"{UUID(package)}.envelope"

    def _note(self, told: dict[str, Any], came: str) -> None:
        with self._lock:
            self.got.setdefault(told["id"], Got(told["id"], told["transfer"], told["size"], came))

    def _mark(self, package: str, state: str, reason: str = "", words: str = "", receipt: str = "") -> None:
        with self._lock:
            got = self.got.get(package)
            if got is not None:
                got.state, got.reason, got.words, got.receipt = state, reason, words, receipt

    def _say(self, package: str, what: str, body: dict[str, Any]) -> None:
        """At least once under a key of its own: the school counts it once."""
        key = f"hr-{what}-{uuid4().hex[:16]}"
        self._call("POST", f"/packages/{package}/{what}", json=body, headers={"Idempotency-Key": key})

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._credential}", **more.pop("headers", {})}
        try:
            reply = requests.request(
                method, f"{self._base}/partner/api/v1{path}", headers=headers, timeout=TIMEOUT_S, **more
            )
        except requests.RequestException as error:
            raise Interrupted(type(error).__name__) from None
        if reply.status_code >= 400:
            raise Interrupted(f"{reply.status_code} {reply.json().get('code', '')}")
        return reply
