"""Tables of app.materials."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear, sealed

_COUNT = clear("how much a round of fixity looked at or found")

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "scan_upload": {
        "graduate_id": LINK,
        "staff_id": LINK,
        "sealed_outcome": sealed("file names and what became of each"),
    },
    "supplement": {
        "graduate_id": LINK,
        "class_code": clear("which of ten classes is proposed; filters the queue"),
        "kind": clear("which kind of material is proposed, of the class map"),
        "sealed_proposal": sealed("title, date formed, statement"),
        "file_name": clear("random name of a sealed file"),
        "preview_name": clear("random name of a sealed file"),
        "media_type": clear("one of five document types"),
        "size": clear("bytes of the file, which its ciphertext shows anyway"),
        "sealed_facts": sealed("digests, pages, pixels and dpi of the file"),
        "state": STATE,
        "reason_code": clear("one of six reasons"),
        "sealed_answer": sealed("what a return was explained with"),
        "decided_by": LINK,
        "decided_at": TIME,
        "material_id": LINK,
        "submitted_at": TIME,
    },
    "fixity_run": {
        "started_by": LINK,
        "stage": clear("the table a round has come to"),
        "total": _COUNT,
        "rows": _COUNT,
        "cells": _COUNT,
        "files": _COUNT,
        "damaged": _COUNT,
        "missing": _COUNT,
        "repaired": _COUNT,
        "erased": _COUNT,
        "slices": _COUNT,
        "abandoned": STATE,
        "started_at": TIME,
        "moved_at": TIME,
        "finished_at": TIME,
    },
    "fixity_finding": {
        "run_id": LINK,
        "object_kind": clear("the table of what is damaged"),
        "object_id": LINK,
        "part": clear("the column or file that is damaged"),
        "owner_id": LINK,
        "damage": STATE,
        "found_at": TIME,
        "seen_at": TIME,
        "mended_at": TIME,
        "mended_how": STATE,
    },
}
