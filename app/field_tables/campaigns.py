"""Tables of campaigns, and of what is sent again to many."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "notice_campaign": {
        "notice": clear("which text of the list, as a code"),
        "fields": clear("a day and a place of the school's"),
        "segment": clear("cohort, colleges, level and states; names nobody"),
        "colleges": clear("colleges, needed for who may see it"),
        "state": STATE,
        "counted": clear("a number of persons"),
        "total": clear("a number of persons"),
        "told": STATE,
        "skipped": STATE,
        "reached": LINK,
        "created_by": LINK,
        "proposed_by": LINK,
        "proposed_person": LINK,
        "proposed_at": TIME,
        "started_by": LINK,
        "started_at": TIME,
        "sliced_at": TIME,
        "releasing": STATE,
        "ended_at": TIME,
    },
    "notice_campaign_recipient": {
        "campaign_id": LINK,
        "graduate_id": LINK,
        "bound": STATE,
        "held": STATE,
        "state": STATE,
        "reason": clear("why somebody was not told, as a code"),
        "notice_id": LINK,
    },
    "notice_campaign_pace": {"tokens": STATE},
    "replay_run": {
        "cause": clear("the filter's kind of fault"),
        "way": clear("the filter's channel"),
        "double": STATE,
        "state": STATE,
        "total": clear("a number of messages"),
        "started_by": LINK,
        "sliced_at": TIME,
        "stopped_by": LINK,
        "ended_at": TIME,
    },
    "replay_item": {
        "run_id": LINK,
        "attempt_id": LINK,
        "notice_id": LINK,
        "double": STATE,
        "outcome": STATE,
        "reason": clear("why it was not sent again, as a code"),
    },
}
