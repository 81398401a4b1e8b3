"""People at work while their servers are being killed: each notes what was acknowledged to them."""

from __future__ import annotations

import hmac
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pyotp
import requests

from app.actors import Actor
from app.errors import DomainError
from app.ports import Platform
from auth.guards import CSRF_FIELD, STAFF_COOKIE
from parts import Lantai
from providers.sandbox.setup import read_environment_file
from tests.proof.stack import Stack

PATIENCE_S = 8.0
PAUSE_S = 0.15
MOST_OPEN = 12


_REQUEST = re.compile(r'"request_id": *"(\w+)"')


@dataclass(slots=True)
class Ledger:
    """What the application said it had done. Adding to a list or a dict is atomic, so no lock is needed."""

    tickets: dict[str, str] = field(default_factory=dict)  # id: statement
    messages: list[tuple[str, str]] = field(default_factory=list)  # ticket, text
    decided: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)  # tokens
    claims: list[str] = field(default_factory=list)
    reads: list[float] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)

    @property
    def writes(self) -> int:
        lists = (self.messages, self.decided, self.withdrawn, self.sessions, self.claims)
        return len(self.tickets) + sum(len(each) for each in lists)


class NotNow(Exception):
    """No answer, or one that promises nothing: to be tried again."""


class Caller:
    """HTTP as one mini-program: a token and an address of its own."""

    def __init__(self, stack: Stack, ledger: Ledger, address: str) -> None:
        self.stack, self.ledger, self.address, self.token = stack, ledger, address, ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Raises NotNow without an answer, or for 503, 409 busy and 429; notes every other 5xx as a surprise."""
        sent = {"X-Forwarded-For": self.address, **{k.replace("_", "-"): v for k, v in headers.items()}}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        try:
            reply = requests.request(
                method, f"{self.stack.web}/api/v1{path}", json=body, headers=sent, timeout=PATIENCE_S
            )
        except requests.RequestException as error:
            self._count(type(error).__name__)
            raise NotNow from None
        if reply.status_code >= 500 and reply.status_code != 503:
            named = _REQUEST.search(reply.text)
            said = self.stack.logged(named[1]) if named else reply.text[:120]
            self.ledger.surprises.append(f"{method} {path.split('/')[1]}: {reply.status_code} {said}")
        busy = reply.status_code == 409 and reply.json().get("code") == "busy"
        if reply.status_code >= 500 or reply.status_code == 429 or busy:
            self._count(str(reply.status_code))
            raise NotNow
        return reply

    def _count(self, word: str) -> None:
        self.ledger.refusals[word] = self.ledger.refusals.get(word, 0) + 1

    def played(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            return self.stack.play(path, body)
        except requests.RequestException:
            raise NotNow from None


class Graduate:
    """One person with a phone: comes in, reads, asks for corrections, writes, withdraws; again after every failure."""

    def __init__(self, caller: Caller, phone: str, person: Any, seed: int) -> None:
        self._caller, self._phone, self._person = caller, phone, person
        self._chance, self._serial = random.Random(seed), 0
        self._open: list[str] = []
        self._courses: list[str] | None = None
        self.pending: tuple[str, str, Any, dict[str, str]] | None = None

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                if not self._caller.token:
                    self._come_in()
                self._one_deed()
            except NotNow:
                stop.wait(self._chance.uniform(0.2, 0.8))
            stop.wait(PAUSE_S)

    def _come_in(self) -> None:
        caller = self._caller
        code = caller.played(f"/phones/{self._phone}/login-code")["code"]
        opened = caller.call("POST", "/sessions", {"platform": "wechat", "code": code})
        if opened.status_code != 201:
            raise NotNow
        session = opened.json()
        caller.ledger.sessions.append(session["access_token"])
        caller.token = session["access_token"]
        try:
            if session["bound"]:
                self._show("phone", "view_dossier")
            else:
                self._claim()
                self._show("wechat_face", "bind")
                self._show("phone", "view_dossier")
        except NotNow:
            caller.token = ""
            raise

    def _claim(self) -> None:
        person = self._person
        claim = {"student_number": person.student_number, "id_number": person.id_number, "name": person.name}
        made = self._caller.call("POST", "/claims", claim)
        if made.status_code != 202:
            raise NotNow
        self._caller.ledger.claims.append(made.json()["id"])
        self._caller.call("PUT", "/consents/face", {"granted": True})

    def _show(self, factor: str, purpose: str) -> None:
        caller = self._caller
        begun = caller.call("POST", "/verifications", {"factor": factor, "purpose": purpose})
        if begun.status_code != 201:
            raise NotNow
        proof = {}
        if factor == "phone":
            proof = {"proof": caller.played(f"/phones/{self._phone}/phone-code")["code"]}
        else:
            ticket = next(v for k, v in begun.json()["client"].items() if "id" in k.lower())
            caller.played(f"/phones/{self._phone}/face", {"verify_id": ticket})
        done = caller.call("POST", f"/verifications/{begun.json()['id']}/proof", proof)
        if done.status_code != 200 or done.json()["state"] != "passed":
            raise NotNow
        caller.token = done.json()["session"]["access_token"]

    def _one_deed(self) -> None:
        if self.pending is not None:
            self._finish(*self.pending)
            return
        deed = self._chance.choice(["read", "open", "open", "say", "say", "withdraw"])
        self._serial += 1
        text = f"第{self._serial}次 {self._caller.address}"
        key = {"Idempotency_Key": f"crowd-{self._caller.address.replace('.', '-')}-{self._serial}"}
        if deed == "open" and len(self._open) < MOST_OPEN:
            self._finish("open", "/corrections", self._wish(text), key)
        elif deed in ("say", "withdraw") and self._open:
            self._about(self._chance.choice(self._open), deed, text, key)
        else:
            started = time.monotonic()
            if self._checked(self._caller.call("GET", "/dossier")).status_code == 200:
                self._caller.ledger.reads.append(time.monotonic() - started)

    def _wish(self, text: str) -> dict[str, Any]:
        """Now and then a course's grade, each course once, so that the version seen is always the first."""
        if self._courses is None:
            found = self._caller.call("GET", "/dossier/sections/course")
            self._courses = [r["id"] for r in found.json()["records"]] if found.status_code == 200 else []
        if not self._courses or self._chance.random() < 0.5:
            return {"kind": "other", "statement": text}
        change = {"record_id": self._courses.pop(), "base_version": 1, "changes": {"grade": "99.5"}}
        return {"kind": "transcription", "statement": text, **change}

    def _about(self, ticket: str, deed: str, text: str, key: dict[str, str]) -> None:
        seen = self._checked(self._caller.call("GET", f"/corrections/{ticket}"))
        if seen.status_code != 200 or "withdraw" not in seen.json()["moves"]:
            self._open.remove(ticket)
            return
        headers = {**key, "If_Match": seen.headers["ETag"]}
        body = {"text": text} if deed == "say" else None
        path = f"/corrections/{ticket}/{'messages' if deed == 'say' else 'withdrawal'}"
        self._finish(deed, path, body, headers)

    def _finish(self, deed: str, path: str, body: Any, headers: dict[str, str]) -> None:
        """Send it, and send it again under the same key until there is an answer."""
        self.pending = (deed, path, body, headers)
        reply = self._checked(self._caller.call("POST", path, body, **headers))
        self.pending = None
        if reply.status_code not in (200, 201):
            return
        ledger, ticket = self._caller.ledger, reply.json()["id"]
        if deed == "open":
            ledger.tickets[ticket] = body["statement"]
            self._open.append(ticket)
        elif deed == "say":
            ledger.messages.append((ticket, body["text"]))
        else:
            ledger.withdrawn.append(ticket)

    def _checked(self, reply: requests.Response) -> requests.Response:
        """A dead token means to come in again: its successor's answer was lost with a server."""
        if reply.status_code in (401, 403):
            self._caller.token = ""
            raise NotNow
        return reply


class Clerk:
    """A member of staff at the console: accepts what is open, ticket by ticket."""

    def __init__(self, stack: Stack, parts: Lantai, ledger: Ledger, login: dict[str, Any], half: int) -> None:
        self._stack, self._parts, self._ledger, self._half = stack, parts, ledger, half
        code = pyotp.TOTP(login["totp_secret"]).now()
        issued = parts.staff.sign_in(login["username"], login["password"], code, "10.8.0.1")
        view = parts.sessions.resolve(issued.token)
        self.actor: Actor = view.actor
        self._cookies = {STAFF_COOKIE: issued.token}
        self._csrf = hmac.digest(parts.pepper, b"csrf" + view.id.bytes, "sha256").hex()

    def work(self, stop: threading.Event) -> None:
        done: set[str] = set()
        while not stop.is_set():
            for ticket in [t for t in list(self._ledger.tickets) if t not in done and int(t[-1], 16) % 3 == self._half]:
                if stop.is_set():
                    return
                if self._accept(ticket):
                    done.add(ticket)
                stop.wait(PAUSE_S)
            stop.wait(0.5)

    def _accept(self, ticket: str) -> bool:
        """True when there is nothing more to do about it."""
        try:
            line = self._parts.desk.ticket(self.actor, UUID(ticket)).line
        except DomainError:
            return False
        if line.state.value not in ("submitted", "in_review"):
            return True
        form = {"version": str(line.version), "note": "已核对", CSRF_FIELD: self._csrf}
        try:
            reply = requests.post(
                f"{self._stack.web}/console/tickets/{ticket}/accept",
                data=form,
                cookies=self._cookies,
                allow_redirects=False,
                timeout=PATIENCE_S,
            )
        except requests.RequestException:
            return False
        if reply.status_code == 303:
            self._ledger.decided.append(ticket)
            return True
        if reply.status_code >= 500 and reply.status_code != 503:
            self._ledger.surprises.append(f"console accept: {reply.status_code}")
        return False


def subscribe(stack: Stack, phone: str) -> None:
    """Consent to every WeChat template, many times over, so that credits never run out."""
    known = read_environment_file(stack.folder / "sandbox" / "sandbox.env")
    templates = [value for name, value in known.items() if name.startswith("LANTAI_WECHAT_TEMPLATE_")]
    for _ in range(20):
        stack.play(f"/phones/{phone}/subscribe", {"template_ids": templates, "wait": False})


def crowd(stack: Stack, ledger: Ledger, people: list[Any], seed: int) -> list[Graduate]:
    graduates = []
    for number, person in enumerate(people):
        phone = stack.play(
            "/phones",
            {
                "platform": Platform.WECHAT.value,
                "real_name": person.name,
                "id_number": person.id_number,
                "phone_number": person.phone,
            },
        )["id"]
        subscribe(stack, phone)
        caller = Caller(stack, ledger, f"10.7.0.{number + 1}")
        graduates.append(Graduate(caller, phone, person, seed + number))
    return graduates


def at_work(jobs: Sequence[Callable[[threading.Event], None]], stop: threading.Event) -> list[threading.Thread]:
    threads = [threading.Thread(target=job, args=(stop,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    return threads
