"""The signed report of a periodic review as a PDF: the frozen report and nothing else, so the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from app.actors import Actor
from app.errors import NotFound, Unavailable
from app.file_ports import PdfPrinter
from app.governance.review_rules import FINDING_LABELS, OUTCOME_LABELS, FindingKind, Outcome
from app.governance.review_views import CampaignView
from app.governance.reviews import ReviewService
from app.office_time import OFFICE_TIME

FORM = "review"


class ReviewPrinter:
    """``office`` heads the report."""

    def __init__(self, reviews: ReviewService, printer: PdfPrinter | None, office: str) -> None:
        self._reviews, self._printer, self._office = reviews, printer, office

    def print(self, actor: Actor, campaign_id: UUID) -> bytes:
        """Dated at the sign-off. Raises NotFound before it, Forbidden, Unavailable."""
        view = self._reviews.campaign(actor, campaign_id)
        if view.report is None or view.signed_at is None:
            raise NotFound("campaign_not_found")
        if self._printer is None:
            raise Unavailable("printing_unavailable")
        return self._printer.print(FORM, _sheet(view, view.report, view.signed_at, self._office), view.signed_at)


def _sheet(view: CampaignView, report: Mapping[str, Any], signed_at: datetime, office: str) -> dict[str, Any]:
    outcomes = [Outcome(i["outcome"]) for i in report["items"]]
    return {
        "title": "档案定期审查报告",
        "office": office,
        "facts": [
            ("名称", report["title"]),
            ("范围", view.line.scope),
            ("期间", f"{report['period'][0]} 至 {report['period'][1]}"),
            ("样本", f"{report['sample_size']} / {report['population']} 份，按学院分层随机"),
            ("随机种子", report["seed"]),
            ("发起人", report["created_by"]),
            ("签发人", report["signed_by"]),
            ("签发时间", _moment(signed_at)),
        ],
        "summary": f"检查 {len(outcomes)} 份，合格 {outcomes.count(Outcome.OK)} 份，"
        f"有问题 {outcomes.count(Outcome.FINDING)} 份，均已整改销号。",
        "rows": [_row(i) for i in report["items"]],
        "digest": view.report_digest,
        "footer_left": f"签发于 {_moment(signed_at)}",
        "footer_right": f"报告摘要 {view.report_digest[:16]}",
    }


def _row(item: Mapping[str, Any]) -> dict[str, str]:
    return {
        "position": str(item["position"]),
        "college": item["college"],
        "dossier": item["dossier"],
        "outcome": OUTCOME_LABELS[Outcome(item["outcome"])],
        "checked_by": item["checked_by"],
        "checked_at": _told(item["checked_at"]),
        "finding": FINDING_LABELS[FindingKind(item["finding"])] if item["finding"] else "",
        "closed_at": _told(item["closed_at"]),
    }


def _told(text: str) -> str:
    return _moment(datetime.fromisoformat(text)) if text else ""


def _moment(at: datetime) -> str:
    return at.astimezone(OFFICE_TIME).strftime("%Y-%m-%d %H:%M")
