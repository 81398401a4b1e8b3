"""The sandbox's HR office: a receiver that fetches packages or is pushed to, believes nothing, and answers by script.

It speaks HTTP with the school's partner door and shares none of its code. What it has got of a package stands on disk,
and so does its book: a new process goes on where the last one was killed. One process at a time works in a folder.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from providers.sandbox.clock import BEIJING
from providers.sandbox.hr_checks import HrIdentity, Opened, Refused, canonical, open_package
from providers.sandbox.hr_register import Got, HrRegister, write_whole

RECEIPT_PREFIX = b"lantai/electronic-receipt/1\n"
BLOCK = 64 * 1024
TIMEOUT_S = 30.0
_WORK = "hr-"
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
        self._lock = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._register = HrRegister(folder)
        self._grown: dict[str, int] = {}
        for left in folder.glob(f"{_WORK}*"):  # opened packages that a killed office left lying
            shutil.rmtree(left, ignore_errors=True)

    @property
    def got(self) -> Mapping[str, Got]:
        """The book, by package."""
        return {entry.id: entry for entry in self._register.all()}

    # --- fetching -----------------------------------------------------------------------------------------------------

    def work(self, *, break_after: int | None = None) -> int:
        """Everything that waits, once; how many packages were dealt with. One that cannot be dealt with now keeps
        nobody behind it waiting; then Interrupted is raised at the end. ``break_after``: bytes of a download after
        which the line breaks.
        """
        done, stopped, waiting = 0, list[Interrupted](), self.waiting()
        for told in waiting:
            if self._being_pushed(told):
                continue
            try:
                self.fetch(told, break_after=break_after)
                self.judge(told)
                done += 1
            except Interrupted as error:
                stopped.append(error)
        self._catch_up({told["id"] for told in waiting})
        if stopped:
            raise stopped[0]
        return done

    def _being_pushed(self, told: dict[str, Any]) -> bool:
        """Left to the push for as long as it brings more from one round to the next."""
        have = self._held(told["id"])
        if have >= told["size"] or not self._envelope(told["id"]).exists():
            return False
        before, self._grown[told["id"]] = self._grown.get(told["id"]), have
        return have != before

    def _catch_up(self, waiting: set[str]) -> None:
        """What the office was killed over after the school had heard it: how it ended, as the school has it."""
        ends = {"e_receipt": "accepted", "rejected": "rejected", "withdrawn": "withdrawn"}
        for entry in self._register.all():
            if entry.id not in waiting and entry.state in ("arriving", "answering"):
                state = self._call("GET", f"/packages/{entry.id}").json()["state"]
                if state in ends:
                    self._register.note(entry.id, state=ends[state])

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
        """The cipher text, from where an earlier try or a push ended. Raises Interrupted."""
        path = self._cipher(told["id"])
        self._enter(told)
        have = self._held(told["id"])
        if have > told["size"]:
            path.unlink()
            have = 0
        if have == told["size"]:
            return path
        headers = {"Range": f"bytes={have}-", "If-Range": f'"{told["sha256"]}"'} if have else {}
        reply = self._call("GET", f"/packages/{told['id']}/content", headers=headers, stream=True)
        at, left = have if reply.status_code == 206 else 0, break_after
        with reply:
            try:
                for block in reply.iter_content(BLOCK):
                    self._append(told["id"], at, block if left is None else block[:left])
                    at += len(block)
                    if left is not None and (left := left - len(block)) <= 0:
                        raise Interrupted(told["id"])
            except requests.RequestException as error:
                raise Interrupted(type(error).__name__) from None
        if self._held(told["id"]) != told["size"]:
            raise Interrupted("the download ended early")
        return path

    # --- being pushed to ----------------------------------------------------------------------------------------------

    def take_envelope(self, package: str, envelope: str, signature: str) -> None:
        with self._lock:
            write_whole(self._envelope(package), f"{signature}\n{envelope}".encode())

    def take_chunk(self, package: str, content_range: str, body: bytes) -> tuple[int, int]:
        """(status, bytes held). 308 until all of it is there; what is there already may be sent again."""
        have = self._held(package)
        if (asked := _ASKED.fullmatch(content_range)) is not None:
            return (200 if have >= int(asked[1]) else 308), have
        span = _SPAN.fullmatch(content_range)
        if span is None or int(span[2]) - int(span[1]) + 1 != len(body):
            return 400, have
        have = self._append(package, int(span[1]), body)
        return (200 if have >= int(span[3]) else 308), have

    def _held(self, package: str) -> int:
        path = self._cipher(package)
        return path.stat().st_size if path.exists() else 0

    def _append(self, package: str, start: int, body: bytes) -> int:
        """How many bytes are held now. A push and a download of one package may run into each other: only what follows
        on what is there is written, whoever brings it.
        """
        with self._lock:
            have = self._held(package)
            if start <= have < start + len(body):
                with self._cipher(package).open("ab") as out:
                    out.write(body[have - start :])
                have = start + len(body)
            return have

    # --- judging ------------------------------------------------------------------------------------------------------

    def judge(self, told: dict[str, Any]) -> None:
        """Acknowledges, opens, checks and answers; sends back what cannot be believed. Raises Interrupted."""
        package, path = told["id"], self._cipher(told["id"])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=self._folder))
        try:
            known = self._enter(told)
            if known.sha256 != told["sha256"]:
                raise Refused("digest_mismatch", "another cipher text under the id of an earlier one")
            opened = open_package(
                self.who, package, told["envelope"].encode(), told["signature"], path, work, self._offline
            )
            self._say(package, "acknowledgement", {"sha256": digest, "size": path.stat().st_size})
            self._say(package, "check", {"outcome": "passed", "bag_sha256": opened.bag_sha256})
            self._answer(told, opened)
        except Refused as refusal:
            path.unlink(missing_ok=True)  # so that the next try begins anew
            self._register.note(package, state="refused", reason=refusal.reason, words=refusal.words)
            self._say(package, "decision", {"decision": "rejected", "reasons": [refusal.reason]})
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _answer(self, told: dict[str, Any], opened: Opened) -> None:
        package, answer = told["id"], self.script(told["id"])
        if answer.reasons:
            body = {"decision": "rejected", "reasons": list(answer.reasons), "note": answer.note}
            self._say(package, "decision", body)
            self._register.note(package, state="rejected", reason=answer.reasons[0], words=answer.note)
            return
        receipt = self._receipt(told, opened)
        self._say(package, "decision", {"decision": "accepted", "manifest_sha256": opened.manifest_sha256})
        if self._receipt_key is not None:
            receipt["signature"] = self._signed(told, receipt)
        self._say(package, "receipt", receipt)
        self._register.note(package, state="accepted")

    def _receipt(self, told: dict[str, Any], opened: Opened) -> dict[str, str]:
        """Decided once and written down before it is said: said again after a kill, it is the same one."""
        known = self._enter(told)
        if not known.receipt:
            today = datetime.now(BEIJING).date().isoformat()
            made = {"receipt": f"HR-{told['id'][:8].upper()}", "issued_on": today, "manifest": opened.manifest_sha256}
            self._register.note(known.id, state="answering", **made)
            known = self._enter(told)
        return {"manifest_sha256": known.manifest, "number": known.receipt, "issued_on": known.issued_on}

    def _signed(self, told: dict[str, Any], receipt: dict[str, str]) -> str:
        assert self._receipt_key is not None
        body = {**receipt, "format": "lantai-electronic-receipt-1", "package": told["id"], "transfer": told["transfer"]}
        return base64.b64encode(self._receipt_key.sign(RECEIPT_PREFIX + canonical(body))).decode()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _cipher(self, package: str) -> Path:
        return self._folder / f"{UUID(package)}.age"

    def _envelope(self, package: str) -> Path:
        return self._folder / f"{UUID(package)}.envelope"

    def _enter(self, told: dict[str, Any]) -> Got:
        came = "pushed" if self._envelope(told["id"]).exists() else "fetched"
        return self._register.first(
            told["id"], lambda: Got(told["id"], told["transfer"], told["size"], told["sha256"], came)
        )

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
            raise Interrupted(f"{reply.status_code} {_problem(reply)}")
        return reply


def _problem(reply: requests.Response) -> str:
    """The code of the school's problem document; what stands between may answer in words of its own."""
    try:
        return str(reply.json().get("code", ""))
    except (ValueError, AttributeError):
        return ""
