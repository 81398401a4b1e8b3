"""Tables of imports: batches, their source, rows and what is on the way."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

_COUNT = clear("how many rows; a number of people, not one of them")

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "import_batch": {
        "key_bidx": blind("the sender's batch key, so that sending twice is once"),
        "content_bidx": blind("digest of the source, so that one key never stands for two contents"),
        "parent_id": LINK,
        "source": clear("one of three doors"),
        "state": STATE,
        "sealed_name": sealed("the upload's file name, under the house key"),
        "size": clear("bytes of the source"),
        "mapping": clear("which column of the file is which field; headers, no cells"),
        "headers": clear("the file's column names, for the error file; no cells"),
        "problems": clear("codes of what is wrong with the file as a whole"),
        "trouble": clear("code of what interrupted the work"),
        "rows": _COUNT,
        "done": _COUNT,
        "filed": _COUNT,
        "refused": _COUNT,
        "skipped": _COUNT,
        "staged": STATE,
        "dry_only": STATE,
        "created_by_kind": clear("staff, partner or system"),
        "created_by": LINK,
        "run_by_kind": clear("staff, partner or system"),
        "run_by": LINK,
        "started_at": TIME,
        "finished_at": TIME,
        "purged_at": TIME,
    },
    "import_segment": {
        "batch_id": LINK,
        "file_name": clear("random name in the file store; the content is sealed"),
        "size": clear("bytes of the segment"),
    },
    "import_row": {
        "batch_id": LINK,
        "sheet": clear("which table of the bundle"),
        "line": clear("line in the file"),
        "outcome": STATE,
        "faults": clear("column, code and cell of each fault; never what stands in the cell"),
        "graduate_id": LINK,
        "row_bidx": blind("digest of the row, to tell the same row from a changed one"),
        "sealed_cells": sealed("a refused row's cells for the error file, under the house key"),
    },
    "import_stage": {
        "batch_id": LINK,
        "student_bidx": blind("whose rows these are, while the batch is under way"),
        "sheet": clear("which table of the bundle"),
        "line": clear("line in the file"),
        "taken": STATE,
        "sealed_rows": sealed("rows of the further tables, under the house key"),
    },
    "import_file": {"file_name": clear("random name in the file store"), "batch_id": LINK},
}
