"""How many dossiers of each cohort are complete: for meters that set plan beside done."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.completeness.models import CompletenessResult


class CompleteCohorts:
    def complete_by_cohort(self, session: Session) -> dict[int, tuple[int, int]]:
        """Cohort -> (complete, judged), by each dossier's latest finding."""
        complete = func.count().filter(CompletenessResult.complete)
        rows = session.execute(
            select(CompletenessResult.cohort_year, complete, func.count()).group_by(CompletenessResult.cohort_year)
        )
        return {year: (done, whole) for year, done, whole in rows}
