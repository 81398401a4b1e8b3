"""Tables of completeness: codes of kinds, owners and days."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear

_KIND = clear(
    "which kind of form is missing, in the checklist's code; the forecast counts by it. It can tell that"
    " somebody is expected to hold party papers, so the database's reader learns that much"
)
_DUE = clear("day by which it is owed; shared by a cohort")

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "completeness_result": {
        "graduate_id": LINK,
        "cohort_year": clear("shared by thousands"),
        "computed_at": TIME,
        "dossier_version": clear("which version was judged"),
        "class_map_version": clear("configuration in force"),
        "checklist_version": clear("configuration in force"),
        "rules_digest": clear("configuration in force"),
        "complete": STATE,
        "listed_percent": clear("share of the checklist"),
        "scanned_percent": clear("share of the checklist"),
        "missing": _KIND,
    },
    "completeness_gap": {
        "graduate_id": LINK,
        "kind": _KIND,
        "cohort_year": clear("shared by thousands"),
        "owner": clear("which office owes it"),
        "due_on": _DUE,
        "standing": STATE,
    },
    "completeness_reminder": {
        "graduate_id": LINK,
        "kind": _KIND,
        "due_on": _DUE,
        "stage": clear("days before the due day"),
        "event_id": LINK,
    },
}
