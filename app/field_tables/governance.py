"""Tables of governance: rules, reviews, training, responsibility, meters."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear, sealed

_OFFICE = clear("the office's own words; not a graduate's datum")
_COUNT = clear("a count over a whole cohort")
_PLAN = clear("the office's plan")

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "office_rule": {"code": _OFFICE, "system": _OFFICE},
    "office_rule_version": {
        "rule_id": LINK,
        "state": STATE,
        "title": _OFFICE,
        "body": _OFFICE,
        "topics": clear("where the rule is shown"),
        "author_id": LINK,
        "published_by": LINK,
        "published_at": TIME,
    },
    "review_campaign": {
        "title": _OFFICE,
        "cohort_year": clear("scope of the review; shared by thousands"),
        "college": clear("scope of the review; shared by hundreds"),
        "starts_on": TIME,
        "ends_on": TIME,
        "population": _COUNT,
        "sample_size": _COUNT,
        "seed": clear("lets anybody draw the sample again"),
        "drawn_until": TIME,
        "state": STATE,
        "created_by": LINK,
        "signed_by": LINK,
        "signed_at": TIME,
        "report": clear("positions, outcomes, kinds of findings and staff's names; no graduate's datum but random ids"),
        "report_digest": clear("SHA-256 of the report"),
    },
    "review_item": {
        "campaign_id": LINK,
        "dossier_id": LINK,
        "graduate_id": LINK,
        "college": clear("stratum of the sample; shared by hundreds"),
        "outcome": STATE,
        "checked_by": LINK,
        "checked_person": LINK,
        "checked_at": TIME,
    },
    "review_finding": {
        "item_id": LINK,
        "kind": clear("one of six kinds"),
        "state": STATE,
        "sealed_note": sealed("what was found in this dossier"),
        "sealed_mending": sealed("what was done about it"),
        "owner_id": LINK,
        "due_on": TIME,
        "mended_by": LINK,
        "mended_person": LINK,
        "mended_at": TIME,
        "closed_by": LINK,
        "closed_at": TIME,
    },
    "training_course": {
        "title": _OFFICE,
        "role": _OFFICE,
        "months": _OFFICE,
        "required": _OFFICE,
        "retired_at": TIME,
        "created_by": LINK,
    },
    "staff_certificate": {
        "course_id": LINK,
        "staff_id": LINK,
        "person_key": LINK,
        "issued_on": TIME,
        "expires_on": TIME,
        "issued_by": LINK,
        "revoked_by": LINK,
        "revoked_at": TIME,
    },
    "role_policy": {
        "role": _OFFICE,
        "enforced": _OFFICE,
        "grace_days": _OFFICE,
        "changed_by": LINK,
    },
    "duty": {"title": _OFFICE, "words": _OFFICE, "role": _OFFICE, "retired_at": TIME},
    "duty_assignment": {
        "duty_id": LINK,
        "kind": _OFFICE,
        "staff_id": LINK,
        "assigned_by": LINK,
        "ended_at": TIME,
    },
    "meter_target": {
        "cohort_year": _PLAN,
        "meter": _PLAN,
        "percent": _PLAN,
        "due_on": _PLAN,
        "set_by": LINK,
    },
    "meter_snapshot": {"day": TIME, "cohort_year": _COUNT, "meter": _COUNT, "done": _COUNT, "whole": _COUNT},
}
