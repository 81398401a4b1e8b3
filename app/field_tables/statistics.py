"""Tables of the talent pool's statistics."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, Kept, clear

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "award_fact": {
        "unit_id": LINK,
        "graduate_id": LINK,
        "rank": clear("one of six levels of award; name and issuer stay sealed, numbers are suppressed"),
        "year": clear("year of the award; shared by a cohort"),
    },
    "statistic_release": {
        "smallest": clear("k of this release"),
        "rules_version": clear("which rules made it"),
        "persons": clear("how many persons were counted"),
        "body": clear("what is published: totals and unsuppressed cells"),
        "counted": clear("group sizes, no more than a count over the graduate table tells"),
        "digest": clear("SHA-256 of the body"),
        "made_by": LINK,
    },
}
