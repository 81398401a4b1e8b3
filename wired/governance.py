"""How the office governs itself: rules, reviews, training, duties, meters."""

from __future__ import annotations

from typing import TypedDict

from app.completeness.cohorts import CompleteCohorts
from app.governance.duties import DutyService
from app.governance.meters import MeterService
from app.governance.review_print import ReviewPrinter
from app.governance.reviews import ReviewService
from app.governance.rulebook import RuleBook
from app.governance.training import TrainingService
from wired.ground import Ground


class GovernanceParts(TypedDict):
    rulebook: RuleBook
    reviews: ReviewService
    review_print: ReviewPrinter
    training: TrainingService
    duties: DutyService
    meters: MeterService


def wire_governance(ground: Ground) -> GovernanceParts:
    db, log, clock = ground.db, ground.log, ground.clock
    reviews = ReviewService(db, ground.keys, log, clock)
    return {
        "rulebook": RuleBook(db, log, clock),
        "reviews": reviews,
        "review_print": ReviewPrinter(reviews, ground.outside.printer, ground.letterhead),
        "training": TrainingService(db, log, clock),
        "duties": DutyService(db, log, clock),
        "meters": MeterService(db, log, clock, CompleteCohorts()),
    }
