"""Tables of the paper's custody."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear, sealed

STAFF = clear("a member of staff, for four eyes and the audit")
PLACE = clear("a shelf, which is looked up by its code and says nothing about a person")
DAY = clear("a day the lists are sorted and searched by")
FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "shelf_place": {
        "code": PLACE,
        "code_key": PLACE,
        "opened_on": DAY,
        "opened_by": STAFF,
        "closed_on": DAY,
        "closed_by": STAFF,
    },
    "custody": {
        "dossier_id": LINK,
        "graduate_id": LINK,
        "standing": STATE,
        "place_id": LINK,
        "since": TIME,
        "moves": clear("how often it was moved"),
    },
    "custody_move": {
        "dossier_id": LINK,
        "graduate_id": LINK,
        "kind": STATE,
        "why": clear("one of a list of reasons"),
        "place_id": LINK,
        "loan_id": LINK,
        "staff_id": STAFF,
    },
    "loan": {
        "dossier_id": LINK,
        "graduate_id": LINK,
        "state": STATE,
        "borrower": clear("whether of the staff or from outside"),
        "staff_id": STAFF,
        "purpose": clear("one of a list of purposes"),
        "takes_two": clear("whether two persons must agree"),
        "sealed_words": sealed("the outside borrower, the unit's letter, reasons and notes"),
        "days": clear("how long it runs"),
        "due_on": DAY,
        "reminded_for": DAY,
        "pressed_on": DAY,
        "extensions": clear("how often it was extended"),
        "first_staff": STAFF,
        "first_person": STAFF,
        "first_at": TIME,
        "second_staff": STAFF,
        "second_person": STAFF,
        "second_at": TIME,
        "out_at": TIME,
        "returned_at": TIME,
        "returned_by": STAFF,
        "condition": clear("one of three words, by which lists are searched"),
        "flag": STATE,
    },
    "stock_take": {
        "place_id": LINK,
        "state": STATE,
        "begun_by": STAFF,
        "begun_at": TIME,
        "ended_by": STAFF,
        "ended_at": TIME,
        "expected": clear("how many dossiers should have stood there"),
    },
    "stock_line": {
        "stock_take_id": LINK,
        "dossier_id": LINK,
        "graduate_id": LINK,
        "code": clear("what a dossier's label says: a number of ours, checked for its form"),
        "finding": STATE,
        "place_id": LINK,
        "staff_id": STAFF,
        "moved_at": TIME,
    },
}
