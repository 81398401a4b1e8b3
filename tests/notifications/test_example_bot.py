"""docs/examples/bot does what it says: it passes the test, prints each event once and refuses what is not signed."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.programs import listens, next_free_port
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.bots import Client, Deliver

BOT = Path("docs/examples/bot/bot.py")


@pytest.fixture
def started() -> Iterator[Callable[[int, str], subprocess.Popen[str]]]:
    begun: list[subprocess.Popen[str]] = []

    def start(port: int, secret: str) -> subprocess.Popen[str]:
        env = {**os.environ, "WEBHOOK_SECRET": secret}
        begun.append(
            subprocess.Popen([sys.executable, str(BOT), str(port)], env=env, stdout=subprocess.PIPE, text=True)
        )
        ends = time.monotonic() + 10
        while not listens(f"tcp://127.0.0.1:{port}"):
            assert time.monotonic() < ends
            time.sleep(0.05)
        return begun[-1]

    yield start
    for each in begun:
        each.kill()
        each.wait()


def test_the_example_bot(
    lantai: Lantai,
    today: FakeClock,
    client_of_all: Client,
    graduate_factory: Callable[..., Person],
    deliver: Deliver,
    started: Callable[[int, str], subprocess.Popen[str]],
) -> None:
    port = next_free_port(19400)
    url = f"http://127.0.0.1:{port}/"
    made, secret = lantai.webhooks.subscribe(client_of_all.actor, url, ["dossier.filed"])
    bot = started(port, f"{'whsec_' + 'b2xk' * 8},{secret}")
    assert lantai.webhooks.test(client_of_all.actor, made.id).passed
    person = graduate_factory()
    deliver()
    lantai.webhook_log.replay_span(client_of_all.actor, made.id, today.now(), today.now().replace(year=2100))
    deliver()
    forged = urllib.request.Request(url, json.dumps({"type": "dossier.filed"}).encode(), {"webhook-id": "x"})
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(forged, timeout=5)
    bot.terminate()
    printed, _ = bot.communicate(timeout=10)
    (line,) = printed.splitlines()
    assert json.loads(line)["data"]["graduate"] == str(person.id)


def test_it_is_short_and_needs_nothing_but_the_library() -> None:
    text = BOT.read_text("utf-8")
    imports = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {n.module or "" if isinstance(n, ast.ImportFrom) else n.names[0].name for n in imports}
    assert {n.split(".")[0] for n in names} - sys.stdlib_module_names == {"standardwebhooks"}
    assert len(text.splitlines()) <= 80
