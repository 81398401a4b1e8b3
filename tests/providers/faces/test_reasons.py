from __future__ import annotations

from app.ports import FaceDecision
from providers.faces.reasons import Reason, decision_for


def test_only_a_match_passes() -> None:
    assert [r for r in Reason if decision_for(r) is FaceDecision.PASS] == [Reason.MATCH]
    assert [r for r in Reason if decision_for(r) is FaceDecision.UNSURE] == [Reason.MATCH_UNSURE]


def test_bad_captures_cost_no_try_and_attacks_do() -> None:
    assert decision_for(Reason.TOO_DARK) is FaceDecision.RETAKE
    assert decision_for(Reason.REFERENCE_UNUSABLE) is FaceDecision.RETAKE
    assert decision_for(Reason.MISMATCH) is FaceDecision.FAIL
    assert decision_for(Reason.FORGED_FRAME) is FaceDecision.FAIL
    assert decision_for(Reason.REFERENCE_REPLAYED) is FaceDecision.FAIL
