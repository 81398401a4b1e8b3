"""The process that seals: what it is asked it answers; when it dies, nothing is lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.actors import SYSTEM
from app.errors import Unavailable
from app.imports.pipeline import Pipeline
from app.imports.rules import BatchState
from app.imports.second_process import SecondProcess
from parts import Lantai
from tests.app.imports.test_batches import graduates, receive
from tests.app.imports.test_imports import row, table


def test_it_answers_in_another_process() -> None:
    second = SecondProcess[int, tuple[int, int]](lambda n: (n * n, os.getpid()))
    try:
        answers = [second.call(n) for n in range(3)]
    finally:
        second.close()
    assert [a for a, _ in answers] == [0, 1, 4]
    pids = {pid for _, pid in answers}
    assert len(pids) == 1
    assert os.getpid() not in pids


def test_a_failure_is_told_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: int) -> int:
        raise ValueError("张三 110105200301010017")

    second = SecondProcess[int, int](fail)
    try:
        with pytest.raises(Unavailable) as caught:
            second.call(1)
    finally:
        second.close()
    assert caught.value.code == "worker_lost"
    assert "张三" not in caplog.text + str(caught.value)


def test_it_keeps_nothing_of_ours_open() -> None:
    ours, theirs = socket.socketpair()
    second = SecondProcess[int, list[str]](lambda _: sorted(str(p.name) for p in Path("/proc/self/fd").iterdir()))
    try:
        held = second.call(0)
        theirs.close()
        ours.settimeout(2)
        assert ours.recv(1) == b""  # the other end is really closed: no copy of it lives in the second process
    finally:
        second.close()
        ours.close()
    assert len(held) <= 5, held  # its three streams, the pipe and the listing itself


def test_it_ends_with_whoever_made_it(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, time\n"
        "from app.imports.second_process import SecondProcess\n"
        "second = SecondProcess(lambda n: n)\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(second.pid))\n"
        "time.sleep(60)\n"
    )
    maker = subprocess.Popen([sys.executable, "-c", script])
    until = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < until
        time.sleep(0.05)
    pid = int((tmp_path / "pid").read_text())
    maker.kill()
    maker.wait()
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_when_it_dies_the_batch_waits_and_goes_on(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    lantai.importer.runner.chunk_rows = 5
    view = receive(lantai, table(*(row(n) for n in range(1, 41))))
    put, met = Pipeline.put, []

    def put_and_kill(self: Pipeline, chunk: list) -> object:  # type: ignore[type-arg]
        met.append(len(chunk))
        if len(met) == 4:
            assert self._second is not None
            assert self._second.pid is not None
            os.kill(self._second.pid, signal.SIGKILL)
        return put(self, chunk)

    monkeypatch.setattr(Pipeline, "put", put_and_kill)
    with pytest.raises(Unavailable):
        lantai.importer.import_now(SYSTEM, view.id)
    held = lantai.importer.batch(SYSTEM, view.id)
    assert held.state is BatchState.IMPORTING
    assert 0 < held.filed == graduates(lantai) < 40
    monkeypatch.undo()
    done = lantai.importer.import_now(SYSTEM, view.id)
    assert (done.state, done.filed, graduates(lantai)) == (BatchState.DONE, 40, 40)
