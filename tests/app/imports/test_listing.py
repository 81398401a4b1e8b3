"""The list of batches: by state and source, to the oldest and back, in the service and on the command line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner

from app.actors import SYSTEM
from app.imports.paging import Wanted
from app.imports.rules import BatchSource, BatchState
from commands.cohort import status_command
from parts import Lantai
from tests.app.imports.test_batches import receive
from tests.app.imports.test_imports import row, table


def test_batches_are_filtered_and_paged_in_both_directions(lantai: Lantai, clock: Any) -> None:
    made = []
    for n in range(1, 12):
        clock.advance(seconds=n % 2)  # pairs of one moment: the id decides between them
        made.append(receive(lantai, table(row(n)), source="command" if n % 3 == 0 else "console"))
        if n % 4 == 0:
            lantai.importer.import_now(SYSTEM, made[-1].id)
    everyone = [b.id for b in sorted(made, key=lambda b: (b.created_at, b.id), reverse=True)]

    def walk(limit: int, **only: Any) -> list[UUID]:
        """To the oldest and all the way back; the same pages must come by both ways."""
        wanted, there = Wanted(**only), []
        while True:
            page = lantai.importer.batches(SYSTEM, wanted, limit=limit)
            there.append([b.id for b in page.batches])
            if page.older is None:
                break
            wanted = Wanted(**only, before=page.older)
        back = [there[-1]]
        while page.newer is not None:
            page = lantai.importer.batches(SYSTEM, Wanted(**only, after=page.newer), limit=limit)
            back.insert(0, [b.id for b in page.batches])
            assert page.older is not None
        assert back == there
        return [i for ids in there for i in ids]

    for limit in (1, 2, 3, 11, 20):
        assert walk(limit) == everyone
    by_command = {made[i].id for i in (2, 5, 8)}
    assert walk(2, source=BatchSource.COMMAND) == [i for i in everyone if i in by_command]
    filed = {made[3].id, made[7].id}
    assert walk(1, state=BatchState.DONE) == [i for i in everyone if i in filed]
    assert walk(2, state=BatchState.DONE, source=BatchSource.COMMAND) == []
    assert [b.id for b in lantai.importer.batches(SYSTEM, Wanted(before=uuid4())).batches] == everyone


def test_the_command_lists_filters_and_pages(lantai: Lantai, clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def wired() -> Any:
        yield lantai

    monkeypatch.setattr("commands.cohort.wired", wired)
    monkeypatch.setattr("commands.cohort.LISTED", 2)
    made = []
    for n in range(1, 6):
        clock.advance(seconds=1)
        made.append(str(receive(lantai, table(row(n)), source="command" if n == 2 else "console").id))

    def listed(*options: str) -> str:
        result = CliRunner().invoke(status_command, list(options))
        assert result.exit_code == 0, result.output
        return result.output

    def ids(text: str) -> list[str]:
        return [i for line in text.splitlines() for i in made if line.startswith(i)]

    first = listed()
    assert ids(first) == [made[4], made[3]]
    assert f"--before {made[3]}" in first
    assert "--after" not in first
    second = listed("--before", made[3])
    assert ids(second) == [made[2], made[1]]
    assert ids(listed("--after", made[2])) == [made[4], made[3]]
    assert ids(listed("--source", "command")) == [made[1]]
    assert ids(listed("--state", "done")) == []
    assert CliRunner().invoke(status_command, ["--state", "receiving"]).exit_code == 2
