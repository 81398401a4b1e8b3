"""Tables of the four-property checks."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, Kept, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "check_run": {
        "dossier_id": LINK,
        "graduate_id": LINK,
        "stage": clear("archiving, hand-over or long-term keeping"),
        "outcome": STATE,
        "dossier_version": clear("which version of the dossier was checked"),
        "rules_version": clear("which rules checked it"),
        "sealed_report": sealed("the signed report: paths and what is wrong with them"),
        "report_digest": clear("SHA-256 of the report, which holds random ids: nothing can be guessed from it"),
        "package_digest": clear("SHA-256 of the manifest, whose digests cover random ids"),
        "ran_kind": clear("staff or system"),
        "ran_by": LINK,
    },
    "check_item": {
        "dossier_id": LINK,
        "check_code": clear("which check"),
        "dossier_version": clear("which version of the dossier it was said of"),
        "agreed": STATE,
        "sealed_note": sealed("what the member of staff wrote"),
        "staff_id": LINK,
    },
}
