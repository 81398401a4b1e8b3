"""The processes behind the cleaner: fresh for every document, gone with their owner, back when killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from app.errors import Unavailable
from providers.documents import ChildDocumentCleaner
from tests.providers import document_zoo as zoo

PROJECT = Path(__file__).parents[2]
GONE_S = 20.0


@pytest.fixture
def cleaner() -> ChildDocumentCleaner:
    return ChildDocumentCleaner(2_000_000)


def nests_of(process: psutil.Process) -> list[psutil.Process]:
    """Those alive: another test's nest may be dying just now."""
    found = []
    for child in process.children():
        with suppress(psutil.NoSuchProcess):  # a zombie is one
            if "providers.document_nest" in child.cmdline():
                found.append(child)
    return found


def wait_gone(process: psutil.Process) -> None:
    deadline = time.monotonic() + GONE_S
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"{process} is still there"
        time.sleep(0.05)


def test_a_killed_nest_is_replaced_and_nobody_notices(cleaner: ChildDocumentCleaner) -> None:
    before = set(nests_of(psutil.Process()))
    first = cleaner.clean(zoo.jpeg_with_metadata())
    (nest,) = set(nests_of(psutil.Process())) - before
    os.kill(nest.pid, signal.SIGKILL)
    assert cleaner.clean(zoo.jpeg_with_metadata()) == first
    (second,) = set(nests_of(psutil.Process())) - before
    assert second.pid != nest.pid
    cleaner.close()
    assert second not in nests_of(psutil.Process())


def test_documents_share_a_nest_but_no_process(cleaner: ChildDocumentCleaner) -> None:
    before = set(nests_of(psutil.Process()))
    cleaner.clean(zoo.saved(zoo.pdf()))
    (nest,) = set(nests_of(psutil.Process())) - before
    small = nest.memory_info().rss
    cleaner.clean(zoo.encoded(zoo.picture(5000, 4000), "PNG"))
    assert nest.is_running()
    assert nest.children() == []
    assert nest.memory_info().rss - small < 5_000_000, "a picture of 80 MB left nothing in the nest"
    cleaner.close()


def test_many_threads_get_their_own_answers(cleaner: ChildDocumentCleaner) -> None:
    sizes = [(40 + n, 30) for n in range(8)]
    found: dict[tuple[int, int], tuple[int | None, int | None]] = {}

    def ask(size: tuple[int, int]) -> None:
        done = cleaner.clean(zoo.encoded(zoo.picture(*size), "PNG"))
        found[size] = (done.width, done.height)

    threads = [threading.Thread(target=ask, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {size: size for size in sizes}
    cleaner.close()


def test_a_forked_process_keeps_off_its_parents_nest(cleaner: ChildDocumentCleaner) -> None:
    """As a web server does that loads the application before it forks."""
    expected = cleaner.clean(zoo.jpeg_with_metadata()).data
    pid = os.fork()
    if pid == 0:
        good = False
        try:
            good = cleaner.clean(zoo.jpeg_with_metadata()).data == expected
            cleaner.close()
        finally:
            os._exit(0 if good else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert cleaner.clean(zoo.jpeg_with_metadata()).data == expected
    cleaner.close()


@pytest.mark.parametrize("how", ["signal.SIGKILL", "signal.SIGTERM"])
def test_a_nest_does_not_outlive_its_owner(how: str) -> None:
    program = (
        "import os, signal\nfrom providers.documents import ChildDocumentCleaner\n"
        "from tests.providers import document_zoo as zoo\n"
        "ChildDocumentCleaner(2_000_000).clean(zoo.jpeg_with_metadata())\n"
        f"print('cleaned', flush=True)\ninput()\nos.kill(os.getpid(), {how})\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert owner.stdin is not None
    assert owner.stdout is not None
    with owner:
        assert owner.stdout.readline() == b"cleaned\n"
        (nest,) = nests_of(psutil.Process(owner.pid))
        owner.stdin.write(b"\n")
        owner.stdin.flush()
        owner.wait()
    wait_gone(nest)


def test_a_nest_that_cannot_start_is_unavailable(
    cleaner: ChildDocumentCleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(Unavailable):
        cleaner.clean(zoo.jpeg_with_metadata())
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Unavailable):
        cleaner.clean(zoo.jpeg_with_metadata())
