"""Judged rows become rows of tables, sealed and packed for COPY. Nothing here asks the database, so that a second
process can do it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Table

from app.actors import Actor
from app.copying import pack
from app.db import packed_json
from app.dossiers.bulk import Begun, BulkFiling, Packed, Prepared
from app.envelope import BlindIndex, DataKey, seal_json
from app.errors import Invalid, TooLarge
from app.imports import columns
from app.imports.batches import cells_place
from app.imports.columns import GRADUATE_TABLE, Fault, Related
from app.imports.models import ImportRow
from app.imports.rules import RowOutcome
from app.imports.views import RowReport
from app.people.rules import mask_student_number

ROW_COLUMNS = ("batch_id", "sheet", "line", "outcome", "faults", "graduate_id", "row_bidx", "sealed_cells")
_NOTHING = Related()
_NO_FAULTS = packed_json([])


class Judged(NamedTuple):
    """A graduate's row with the verdict on it; ``indexes`` of its student and identity numbers."""

    line: int
    cells: Sequence[str]
    row: Mapping[str, str]
    indexes: tuple[bytes, bytes]
    related: Related | None
    faults: Sequence[Fault]


FileRow = Callable[[Prepared, Judged], UUID | None]
"""Adds a row's graduate to what is prepared; None where nothing is filed."""


@dataclass(slots=True)
class Sealed:
    """What a chunk comes to. ``late``: faults found while sealing, by place in the chunk; ``files``: names of files
    stored on the way.
    """

    filing: Packed
    rows: bytes = field(repr=False)
    filed: list[bytes]
    refused: list[bytes]
    late: dict[int, list[Fault]]
    files: list[str] = field(default_factory=list)

    def reports(self, chunk: Sequence[Judged]) -> list[RowReport]:
        return [self._report(judged, self.late.get(i)) for i, judged in enumerate(chunk)]

    @staticmethod
    def _report(judged: Judged, late: Sequence[Fault] | None) -> RowReport:
        faults = tuple(late or judged.faults)
        outcome = RowOutcome.REFUSED if faults else RowOutcome.FILED
        return RowReport(judged.line, mask_student_number(judged.row.get("学号", "")), outcome.value, faults)


class RowSealer:
    """For one batch: every row of a chunk, filed or refused."""

    def __init__(self, bulk: BulkFiling, index: BlindIndex, house: DataKey, batch_id: UUID, actor: Actor) -> None:
        self._bulk, self._index, self._house, self._batch, self._actor = bulk, index, house, batch_id, actor

    def begin(self, prepared: Prepared, judged: Judged) -> Begun:
        """Raises Invalid naming the fields."""
        new = columns.new_dossier(judged.row, judged.related or _NOTHING, None)
        return self._bulk.begin(prepared, new, judged.indexes)

    def file(self, prepared: Prepared, judged: Judged) -> UUID | None:
        """Without any file. Raises Invalid."""
        begun = self.begin(prepared, judged)
        self._bulk.add(prepared, begun)
        return begun.graduate_id

    def seal(self, chunk: Sequence[Judged], file: FileRow | None = None) -> Sealed:
        """``file`` files one row in place of ``RowSealer.file``; what it raises (Invalid, TooLarge) refuses the row."""
        file, prepared = file or self.file, Prepared()
        filed, refused, late = list[bytes](), list[bytes](), dict[int, list[Fault]]()
        rows: list[tuple[Any, ...]] = []
        for position, judged in enumerate(chunk):
            faults, graduate_id = judged.faults, None
            if not faults:
                try:
                    graduate_id = file(prepared, judged)
                except (Invalid, TooLarge) as error:
                    faults = [Fault(f.pointer, f.code) for f in error.faults] or [Fault("照片", error.code)]
                    late[position] = faults
            (refused if faults else filed).append(judged.indexes[0])
            rows.append(self._row(judged, faults, graduate_id))
        filing = self._bulk.pack(self._actor, prepared, {"batch_id": str(self._batch)})
        return Sealed(filing, pack(row_table(), ROW_COLUMNS, rows), filed, refused, late)

    def refused_rows(self, chunk: Sequence[Judged], sealed: Sealed) -> bytes:
        """What a check keeps: the refused rows alone."""
        faulty = [(j, sealed.late.get(i) or j.faults) for i, j in enumerate(chunk)]
        return pack(row_table(), ROW_COLUMNS, [self._row(j, faults, None) for j, faults in faulty if faults])

    def _row(self, judged: Judged, faults: Sequence[Fault], graduate_id: UUID | None) -> tuple[Any, ...]:
        outcome, told, cells = RowOutcome.FILED, _NO_FAULTS, None
        if faults:
            kept = {"number": judged.row.get("学号", ""), "cells": list(judged.cells)}
            cells = seal_json(self._house, cells_place(self._batch, judged.line), kept)
            outcome, told = RowOutcome.REFUSED, packed_json([f.stored() for f in faults])
        digest = self._index.of("import_row", "row", "\x1f".join(judged.cells))
        return (self._batch, GRADUATE_TABLE, judged.line, outcome.value, told, graduate_id, digest, cells)


def row_table() -> Table:
    table = ImportRow.__table__
    assert isinstance(table, Table)
    return table
