"""A cohort's chunks on their way: this thread reads and judges, a second process seals, a thread of its own writes."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple

from app.imports.filing import Candidate, ChunkFiler
from app.imports.sealing import Judged, Sealed
from app.imports.second_process import SecondProcess

DEPTH = 2
"""So many chunks wait behind the one that is being judged: memory stays bounded, nobody waits for long."""


class Written(NamedTuple):
    judged: list[Judged]
    sealed: Sealed


Write = Callable[[list[Candidate], list[Judged], Sealed, int], Written]
"""(chunk, its verdicts, what it came to, rows done before it)."""


class Pipeline:
    """``second``: whether a second process is worth its while. Leaving it waits for the chunk that is being written and
    forgets those behind it.
    """

    def __init__(self, filer: ChunkFiler, write: Write, done: int, *, second: bool) -> None:
        self._filer, self._write, self._done = filer, write, done
        # forked before there are threads of ours
        self._second = SecondProcess[list[Judged], Sealed](filer.sealer.seal) if second else None
        self._sealer = ThreadPoolExecutor(1, thread_name_prefix="import-seal")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="import-write")
        self._under_way: deque[Future[Written]] = deque()
        self._collected_after = gc.get_threshold()

    def __enter__(self) -> Pipeline:
        # rows live until they are written and then go without cycles: looking through them again and again is in vain
        gc.set_threshold(50_000, 50, 100)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for pool in (self._sealer, self._writer):
            pool.shutdown(wait=True, cancel_futures=True)
        if self._second is not None:
            self._second.close()
        gc.set_threshold(*self._collected_after)

    def put(self, chunk: list[Candidate]) -> Iterator[Written]:
        """Gives the chunks that have been written meanwhile, in order. Raises whatever judging, sealing and writing do,
        also for an earlier chunk.
        """
        judged = self._filer.judge(chunk)
        sealing = self._sealing(judged)
        self._under_way.append(self._writer.submit(self._written, chunk, judged, sealing, self._done))
        self._done += len(chunk)
        while len(self._under_way) > DEPTH:
            yield self._under_way.popleft().result()

    def end(self) -> Iterator[Written]:
        while self._under_way:
            yield self._under_way.popleft().result()

    def _sealing(self, judged: list[Judged]) -> Future[Sealed]:
        if self._second is not None and self._filer.plain(judged):
            return self._sealer.submit(self._second.call, judged)
        here: Future[Sealed] = Future()
        here.set_result(self._filer.seal(judged))
        return here

    def _written(self, chunk: list[Candidate], judged: list[Judged], sealing: Future[Sealed], done: int) -> Written:
        return self._write(chunk, judged, sealing.result(), done)
