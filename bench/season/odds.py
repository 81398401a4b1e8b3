"""How people, carriers and receivers behave in the simulated season: chances and capacities, in one place.

They are this project's guesses of a school's year, not measured rates; the simulator shows what follows from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from random import Random
from typing import TypeVar

from app.receivers.rules import DestinationCase
from app.transfers.states import Channel

T = TypeVar("T")
FIRST_DAY, LAST_REGISTRATION = date(2026, 6, 8), date(2026, 8, 28)
SEASON_ENDS = date(2027, 2, 5)

CASES: Mapping[DestinationCase, float] = {
    DestinationCase.PRIVATE_EMPLOYMENT: 0.46,
    DestinationCase.FURTHER_STUDY: 0.24,
    DestinationCase.STATE_UNIT: 0.14,
    DestinationCase.UNEMPLOYED: 0.12,
    DestinationCase.KEPT_AT_SCHOOL: 0.04,
}
CHANNELS: Mapping[Channel, float] = {Channel.EMS: 0.78, Channel.CONFIDENTIAL_POST: 0.18, Channel.DEDICATED_PERSON: 0.04}


class Fate(StrEnum):
    """What becomes of one hand-over."""

    ARRIVES = "arrives"
    SLOW = "slow"
    REFUSED = "refused"
    RETURNED = "returned"
    FOUND_AGAIN = "found_again"
    LOST = "lost"


FATES: Mapping[Fate, float] = {
    Fate.ARRIVES: 0.925,
    Fate.SLOW: 0.05,
    Fate.REFUSED: 0.007,
    Fate.RETURNED: 0.012,
    Fate.FOUND_AGAIN: 0.003,
    Fate.LOST: 0.003,
}


@dataclass(frozen=True, slots=True)
class Staffing:
    """How much each desk does on a working day, as shares of the whole year's graduates."""

    college: float = 0.045
    school: float = 0.05
    desk: float = 0.04
    sealing: float = 0.035
    receipts: float = 0.06

    def of(self, share: float, graduates: int) -> int:
        return max(2, round(share * graduates))


@dataclass(frozen=True, slots=True)
class Odds:
    """Chances of each act. The mistakes are such as the services must refuse: each refusal is expected and counted."""

    changes_address: float = 0.05
    sent_back: float = 0.03
    leaves_shelter: float = 0.3
    assembled_anew: float = 0.01
    one_person_seals: float = 0.01
    seal_opened: float = 0.005
    stale_form: float = 0.005
    scanned_twice: float = 0.01
    number_reused: float = 0.005
    wrong_code: float = 0.01
    skips_a_state: float = 0.005
    never_answers: float = 0.03
    resent_whole: float = 0.5
    redirected: float = 0.2
    withdrawn: float = 0.004
    fates: Mapping[Fate, float] = field(default_factory=lambda: FATES)


USUAL = Odds()
TROUBLED = Odds(
    changes_address=0.3,
    sent_back=0.15,
    leaves_shelter=0.7,
    assembled_anew=0.1,
    one_person_seals=0.1,
    seal_opened=0.1,
    stale_form=0.1,
    scanned_twice=0.1,
    number_reused=0.1,
    wrong_code=0.1,
    skips_a_state=0.1,
    never_answers=0.2,
    withdrawn=0.03,
    fates={
        Fate.ARRIVES: 0.4,
        Fate.SLOW: 0.1,
        Fate.REFUSED: 0.15,
        Fate.RETURNED: 0.15,
        Fate.FOUND_AGAIN: 0.1,
        Fate.LOST: 0.1,
    },
)
"""A season in which few walk the straight way, for small numbers of graduates."""


def drawn(rng: Random, shares: Mapping[T, float]) -> T:
    return rng.choices(list(shares), list(shares.values()))[0]
