"""Tables of app.retrieval. What the index tells whoever reads the database stands in docs/decisions/0012."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "search_text": {
        "key": blind("a distinct text with its class, level and zone; its first byte is the title's length"),
        "unit_group": clear("which section or material class; as in record and material"),
        "zone": clear("who may see it, decided by the rule table; never C"),
        "level": clear("one of six award levels, a facet; shared by many"),
        "strength": clear("one of eight kinds of strength, a facet; shared by many"),
    },
    "search_posting": {
        "token": blind("a bigram or word of a text"),
        "text_key": blind("the text it stands in"),
    },
    "search_shelf": {
        "key": blind("text, cohort, college, major, degree level and year together"),
        "text_key": blind("the text that stands there"),
        "cohort_year": clear("facet; as in graduate"),
        "college": clear("facet; as in graduate"),
        "major": clear("facet; as in graduate"),
        "degree_level": clear("facet; as in graduate"),
        "year": clear("facet: the year of the award, paper, term or material"),
    },
    "retrieval_unit": {"shelf_key": blind("where the unit stands"), "graduate_id": LINK},
    "index_rebuild": {"started_at": TIME, "after": LINK, "done": STATE, "finished_at": TIME},
    "staff_search": {
        "staff_id": LINK,
        "saved": STATE,
        "sealed_search": sealed("what a member of staff searched for, under the house key"),
        "expires_at": TIME,
    },
    "retrieval_purpose": {
        "staff_id": LINK,
        "graduate_id": LINK,
        "purpose": clear("one of a short list; shown to the graduate and to auditors"),
        "sealed_note": sealed("reason and letter number, under the graduate's key"),
        "opened_at": TIME,
        "expires_at": TIME,
    },
}
