"""Chapter 壬, events for machines: the example bot of docs/ hears signed webhooks, and the feed says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import requests

from deploy.programs import next_free_port
from tests.journey.clients import Json, until
from tests.journey.doors_steps import WHOLE, call, fresh_class, new_client, record_of, table_of
from tests.journey.scene import Scene
from tests.journey.stack import PROJECT
from tests.journey.story import check, step

BOT = PROJECT / "docs/examples/bot/bot.py"
TYPES = ["dossier.filed"]
ANSWER_LIMIT_S = 20.0


class Bot:
    """The example bot as a process of its own."""

    def __init__(self, scene: Scene, port: int, secret: str) -> None:
        self.url, self._heard = f"http://127.0.0.1:{port}/events", scene.house.folder / f"bot-{port}.out"
        with self._heard.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(BOT), str(port)],
                env={"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(self._answers, "the bot's port")

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def forged(self) -> int:
        """What it answers to a message that nobody signed."""
        headers = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        return requests.post(self.url, data=b"{}", headers=headers, timeout=10).status_code

    def heard(self) -> list[Json]:
        """The messages it has verified, in order."""
        return [json.loads(line) for line in Path(self._heard).read_text("utf-8").splitlines()]

    def _answers(self) -> bool:
        try:
            return self.forged() == 401
        except requests.ConnectionError:
            return False


@step(
    "bot.hears",
    WHOLE,
    "机器人订阅事件：签名推送由标准库验签，事件流所述一致",
    "a bot subscribes, passes the signed test and hears of a new dossier; the feed says the same",
    "op.start",
)
def hears(scene: Scene) -> Iterator[str]:
    pushes = new_client(scene, f"教务推送{scene.number}")
    listens = new_client(scene, f"通知机器人{scene.number}", "--scope", "events:subscribe")
    port = next_free_port(28000)
    wish = {"url": f"http://127.0.0.1:{port}/events", "types": TYPES}
    made = call(scene, listens, "POST", "/webhooks", uuid.uuid4().hex, json=wish)
    check((made.status, made.body["state"]) == (201, "pending"), f"subscription: {made.status} {made.code}")
    webhook = f"/webhooks/{made.body['id']}"
    with Bot(scene, port, scene.keep("partner credential", made.body["secret"])) as bot:
        tested = call(scene, listens, "POST", f"{webhook}/test").body
        check((tested["passed"], tested["state"]) == (True, "active"), f"the signed test: {tested}")
        folder, people = fresh_class(scene, 7000 + scene.number)
        record = record_of(table_of(folder / "graduates.csv")[0])
        filed = call(scene, pushes, "POST", "/graduates", uuid.uuid4().hex, json=record)
        check(filed.status == 201, f"one graduate: {filed.status} {filed.code}")
        until(lambda: bool(bot.heard()), "the webhook of the new dossier", ANSWER_LIMIT_S)
        (message,) = bot.heard()
    check(message["type"] == "dossier.filed", f"another event was heard: {message}")
    told = json.dumps(message, ensure_ascii=False)
    check(
        not any(mark in told for p in people for mark in (p.name, p.id_number, p.student_number)), "it names somebody"
    )
    feed = call(scene, listens, "GET", "/events?types=dossier.filed&limit=500").body["items"]
    check(message in feed, "the feed does not say the same")
    log = call(scene, listens, "GET", f"{webhook}/deliveries").body["items"]
    tries = [a["status"] for line in log if line["id"] == message["id"] for a in line["attempts"]]
    check(tries == [200], f"the delivery log: {log[:1]}")
    foreign = call(scene, pushes, "GET", webhook)
    check(foreign.status in (403, 404), f"another client sees the subscription: {foreign.status}")
    yield f"签名测试通过后生效；建档事件 {message['id'][:12]}… 由 standardwebhooks 验签，伪造的得到 401"
    yield "事件流与投递记录所述一致；别的接入系统看不到该订阅；消息不含姓名、证件号、学号"
