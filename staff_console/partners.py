"""Systems that come through the machines' door: what each may, by which keys, and since when it was not seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, Response

from app.actors import Role
from app.errors import DomainError, FieldFault, Invalid
from app.problems import problem_of, words_kept
from auth.guards import current_actor
from auth.machine_keys import KeyView
from auth.partners import REQUESTS_PER_MINUTE
from auth.rules import SCOPE_LABELS, Scope
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

WATCHERS = (Role.ADMINISTRATOR, Role.AUDITOR)
PATH = "/console/partners"
ALGORITHMS = {"ed25519": "Ed25519 公钥", "hmac-sha256": "HMAC 密钥"}
OPEN, EARLY, OVER = ("done", "✓", "使用中"), ("wait", "…", "未生效"), ("shut", "✕", "已失效")
REVOKED_SHOWN = timedelta(days=90)
"""After that a revoked key is told of by the event log alone."""


def _state(key: KeyView, now: datetime) -> tuple[str, str, str]:
    """Of a key that is not revoked."""
    if key.opens(now):
        return OPEN
    return EARLY if now < key.not_before else OVER


def _shown(status: int = 200, error: DomainError | None = None) -> Response:
    now = parts().clock.now()
    keys: dict[UUID, list[tuple[KeyView, tuple[str, str, str]]]] = defaultdict(list)
    revoked: dict[UUID, list[KeyView]] = defaultdict(list)
    for key in parts().machine_keys.all():
        if key.revoked_at is None:
            keys[key.client_id].append((key, _state(key, now)))
        elif now - key.revoked_at < REVOKED_SHOWN:
            revoked[key.client_id].append(key)
    return page(
        "partners.html",
        status,
        clients=parts().partners.clients(),
        keys=keys,
        sent=parts().partner_figures.lately(),
        refused=parts().partner_refusals.lately(),
        why_refused=words_kept,
        sends=Scope.SEND_NOTICES.value,
        revoked=revoked,
        scopes={s.value: SCOPE_LABELS[s] for s in Scope},
        algorithms=ALGORITHMS,
        most=REQUESTS_PER_MINUTE,
        acts=current_actor().has_role(Role.ADMINISTRATOR),
        problem=problem_of(error) if error is not None else None,
    )


def _do(act: Callable[[], None], note: str) -> Response:
    """What cannot be taken back is done only by somebody who says so."""
    if not forms.ticked("understood"):
        fault = FieldFault("/understood", "must_be_confirmed", "请先勾选确认，再停用或吊销")
        error = Invalid("invalid_input", faults=[fault])
        return _shown(problem_of(error).status, error)
    act()
    return go(PATH, note)


def add_partners(console: Blueprint) -> None:
    @console.get("/partners")
    @desk(*WATCHERS)
    def partners() -> Response:
        return _shown()

    @console.post("/partners/<uuid:client_id>/disable")
    @desk(Role.ADMINISTRATOR)
    def disable_partner(client_id: UUID) -> Response:
        return _do(lambda: parts().partners.disable_by_staff(current_actor(), client_id), "partner_disabled")

    @console.post("/partners/keys/<key_id>/revoke")
    @desk(Role.ADMINISTRATOR)
    def revoke_key(key_id: str) -> Response:
        return _do(lambda: parts().machine_keys.revoke(key_id, current_actor()), "machine_key_revoked")
