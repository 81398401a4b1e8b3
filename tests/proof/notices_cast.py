"""Who takes part in the kills of a run of notices: graduates with a phone on each platform, workers as in production,
the web with a door of the drill's own, PostgreSQL; and the sandbox, which counts what truly arrived.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import requests
from flask import Flask, request
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from app.actors import SYSTEM, Actor, ActorKind
from app.dossiers.incoming import NewDossier
from app.errors import DomainError
from app.jobs import Announce
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import Platform, PlatformAccount
from parts import Lantai
from providers.sandbox.server import sandbox_server
from tests.proof.forked import Forked
from tests.proof.ward import Grounds
from wiring import build, build_queue_app
from worker import run
from wsgi import create_app

DOOR = "/drill"
ENDLESS = 10**9
SEND = ("wechat:/cgi-bin/message/subscribe/send", "alipay:alipay.open.app.mini.templatemessage.send")
CALLER = Actor(ActorKind.PARTNER, SYSTEM.id)  # of those replies are kept under the house's own key
BACK_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Kind:
    """What is told. ``template`` and ``phrase`` say on the phone which one it is; ``sure`` ones may come twice."""

    event: str
    data: dict[str, str]
    template: str
    phrase: str
    sure: bool


KINDS = (
    Kind("ticket.decided", {"state": "applied"}, "ticket_decided", "已更正", sure=False),
    Kind("ticket.decided", {"state": "rejected"}, "ticket_decided", "未予更正", sure=False),
    Kind("transfer.moved", {"state": "sealed"}, "transfer_step", "已密封", sure=False),
    Kind("account.bound", {}, "account_notice", "账号变动", sure=True),
    Kind("transfer.destination_changed", {}, "account_notice", "去向变更", sure=True),
)
TEMPLATES = tuple(sorted({kind.template for kind in KINDS}))


@dataclass(frozen=True, slots=True)
class Listener:
    """A graduate; ``phones`` is the sandbox's id of each account by its open id."""

    graduate: UUID
    phones: dict[str, str]


@dataclass(frozen=True, slots=True)
class Told:
    """One notice that is to be committed, under a key of its own so that asking twice is asking once."""

    key: str
    who: Listener
    kind: Kind


# --- the processes ----------------------------------------------------------------------------------------------------


def worker(on: Grounds, port: int) -> None:
    """As ``worker.py`` runs it, beats, sweeps and all."""
    del port
    run(build_queue_app(on.urls), build(on.settings, on.urls))


def web(on: Grounds, port: int) -> None:
    """The real application, which the platforms call back; under DOOR whoever asks has an event told."""
    parts = build(on.settings, on.urls)
    app = create_app(parts)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {DOOR: _door(parts)})  # type: ignore[method-assign]
    sandbox_server(app, port).serve_forever()


def _door(parts: Lantai) -> Flask:
    door = Flask("drill")

    @door.post("/notices")
    def tell() -> tuple[dict[str, Any], int]:
        body = request.get_json()

        def record() -> tuple[int, Any]:
            with parts.db.transaction() as session:
                event = parts.log.record(
                    session, SYSTEM, body["event"], graduate_id=UUID(body["graduate"]), data=body["data"]
                )
                parts.queue.enqueue(session, Announce(event))
            return 201, {"event": str(event)}

        try:
            reply = parts.idempotency.run(CALLER, body["key"], "drill", request.get_data(), record)
        except DomainError as error:
            return {"code": error.code}, 503
        return reply.body, reply.status

    return door


class Kept:
    """A process that is started again whenever it has ended, as the launcher does."""

    def __init__(self, on: Grounds, work: Callable[[Grounds, int], None], port: int, name: str) -> None:
        self.name, self.log = name, on.folder / f"{name}.log"
        self._on, self._work, self._port = on, work, port
        self._process = self._forked()

    def kill(self) -> None:
        if not self._process.ended():
            self._process.kill()
        self._process.wait()

    def revive(self) -> bool:
        """True if it had ended."""
        if not self._process.ended():
            return False
        self._process = self._forked()
        return True

    def _forked(self) -> Forked:
        return Forked(self._play)

    def _play(self) -> None:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        self._work(self._on, self._port)


class Server:
    """PostgreSQL, killed and brought back by its owner."""

    name = "postgres"

    def __init__(self, on: Grounds) -> None:
        self._on = on

    def kill(self) -> None:
        process = psutil.Process(self._on.services.process_ids()[self.name])
        process.kill()
        psutil.wait_procs([process], timeout=5)

    def bring_back(self) -> None:
        """Raises RuntimeError when it does not come back."""
        ends = time.monotonic() + BACK_LIMIT_S

        def stopped(seconds: float) -> bool:
            time.sleep(min(seconds, 0.1))
            return self._up() or time.monotonic() > ends

        self._on.services.supervise(stopped)
        if not self._up():
            raise RuntimeError("PostgreSQL does not come back")

    def _up(self) -> bool:
        pid = self._on.services.process_ids().get(self.name)
        return pid is not None and psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


# --- the people and their phones --------------------------------------------------------------------------------------


class Sandbox:
    """The platforms, over HTTP."""

    def __init__(self, on: Grounds) -> None:
        self._base, self._on = f"{on.sandbox}/control", on

    def play(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = requests.post(self._base + path, json=body, timeout=30)
        reply.raise_for_status()
        found: dict[str, Any] = reply.json()
        return found

    def answer_late(self, seconds: float) -> None:
        """Every message is shown first and answered later: there a kill leaves open what became of it."""
        for target in SEND:
            self.play("/faults", {"target": target, "kind": "slow", "value": seconds, "times": ENDLESS})

    def phone(self, platform: Platform, card: Card) -> tuple[str, str]:
        """(open id, phone id) of one that has agreed to every message for good."""
        made = self.play(
            "/phones",
            {
                "platform": platform.value,
                "real_name": card.name,
                "id_number": card.id_number,
                "phone_number": card.phone,
            },
        )
        ids = [self.template_id(platform, name) for name in TEMPLATES]
        self.play(f"/phones/{made['id']}/subscribe", {"template_ids": ids, "wait": False})
        return made["open_id"], made["id"]

    def lasting_templates(self) -> None:
        for platform in (Platform.WECHAT, Platform.ALIPAY):
            for name in TEMPLATES:
                defined = {"platform": platform.value, "template_id": self.template_id(platform, name)}
                self.play("/templates", {**defined, "title": name, "long_term": True})

    def template_id(self, platform: Platform, name: str) -> str:
        return str(getattr(self._on.settings, f"{platform.value}_template_{name}"))

    def arrived(self, people: list[Listener]) -> Counter[tuple[str, str, str]]:
        """How often each message stands on a phone, by (open id, template id, phrase)."""
        found: Counter[tuple[str, str, str]] = Counter()
        phrases = {kind.phrase for kind in KINDS}
        for open_id, phone in (pair for person in people for pair in person.phones.items()):
            screen = requests.get(f"{self._base}/phones/{phone}/messages", timeout=30).json()["messages"]
            for message in screen:
                for phrase in phrases & set(message["fields"].values()):
                    found[open_id, message["template_id"], phrase] += 1
        return found


def listeners(on: Grounds, sandbox: Sandbox, number: int) -> list[Listener]:
    """Graduates, each bound to an account on both platforms."""
    sandbox.lasting_templates()
    parts = build(on.settings, on.urls)
    try:
        return [_listener(on, parts, sandbox, serial) for serial in range(number)]
    finally:
        parts.close()


def _listener(on: Grounds, parts: Lantai, sandbox: Sandbox, serial: int) -> Listener:
    body = f"1101052004{serial // 900 + 1:02d}{serial // 30 % 28 + 1:02d}{serial % 900:03d}"
    card = Card("测试丁", body + id_check_digit(body), f"2022{serial:06d}", f"139{serial:08d}")
    graduate = parts.filing.file_dossier(SYSTEM, NewDossier(card, 2026, "文学院", "档案学", "本科", {}, []))
    apps = {Platform.WECHAT: on.settings.wechat_app_id, Platform.ALIPAY: on.settings.alipay_app_id}
    phones = {}
    for platform, app_id in apps.items():
        open_id, phone = sandbox.phone(platform, card)
        phones[open_id] = phone
        with parts.db.transaction() as session:
            identity = parts.people.remember_identity(session, PlatformAccount(platform, app_id, open_id))
            parts.people.bind(session, identity.id, graduate)
    return Listener(graduate, phones)


def tail(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-1500:] if log.exists() else ""
