"""Sessions, claims, consents, factors and verifications: how a graduate comes in and steps up."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from app.actors import Purpose
from app.errors import FieldFault, Invalid
from app.ports import FaceFrame, Platform
from app.web import client_address
from auth.guards import current_actor, current_view, graduate, public
from auth.models import VerificationState
from auth.rules import FACE_FACTORS, FACTORS, Factor
from auth.sessions import Issued
from auth.verifications import VerificationView
from miniprogram_api.door import In, Out, api, body_up_to, lantai

FRAMES_BODY_MOST = 24 * 1024 * 1024


class LoginIn(In):
    platform: Platform
    code: str = Field(
        min_length=1, max_length=512, description="wx.login / my.getAuthCode code, or a terminal's credential"
    )


class SessionOut(Out):
    access_token: str = Field(description="Opaque; send as `Authorization: Bearer …`. Replaced at every step-up")
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    expires_at: datetime
    bound: bool = Field(description="Whether this account is joined to a dossier")


class ClaimIn(In):
    student_number: str = Field(min_length=1, max_length=40)
    id_number: str = Field(min_length=1, max_length=40)
    name: str = Field(min_length=1, max_length=60)


class ClaimOut(Out):
    id: UUID
    status: str = Field("pending", description="Always `pending`: a claim is no proof")
    expires_at: datetime


class FactorOut(Out):
    factor: Factor
    label: str
    face: bool
    binds: bool


class FactorsOut(Out):
    factors: list[FactorOut]
    face_consent: bool
    face_health: str


class ConsentIn(In):
    granted: bool


class ConsentOut(Out):
    kind: str
    granted: bool


class VerificationIn(In):
    factor: Factor
    purpose: Purpose


class ProofIn(In):
    """What the factor needs: `code` (activation_code, totp), `proof` (phone), SOTER's two strings; empty for face."""

    code: str | None = Field(None, max_length=40)
    proof: str | None = Field(None, max_length=4096)
    json_string: str | None = Field(None, max_length=4096)
    json_signature: str | None = Field(None, max_length=4096)


class VerificationOut(Out):
    id: UUID
    factor: Factor
    purpose: Purpose
    state: VerificationState
    reason: str
    expires_at: datetime
    client: dict[str, Any] = Field(description="For the client: ticket, challenge, link")
    tries_left: int | None
    alternatives: list[str] = Field(description="Other factors open now")
    session: SessionOut | None = Field(description="The new token after a pass; the old one is dead")


class FrameIn(In):
    action: int = Field(ge=0, le=10, description="Index into the challenge's actions")
    at_ms: int = Field(ge=0, le=600_000, description="Milliseconds since the first frame")
    mac: str = Field(pattern=r"^[0-9a-f]{64}$")
    image: str = Field(min_length=4, max_length=900_000, description="Base64 of a JPEG or PNG")


class FramesIn(In):
    frames: list[FrameIn] = Field(min_length=1, max_length=60)


class OwnSessionOut(Out):
    id: UUID
    platform: Platform | None
    created_at: datetime
    seen_at: datetime
    current: bool


class OwnSessionsOut(Out):
    items: list[OwnSessionOut]


class EndedOut(Out):
    ended: int


def _session(issued: Issued, bound: bool) -> SessionOut:
    return SessionOut(access_token=issued.token, token_type="Bearer", expires_at=issued.expires_at, bound=bound)  # noqa: S106


def _out(view: VerificationView) -> VerificationOut:
    return VerificationOut(
        id=view.id,
        factor=view.factor,
        purpose=view.purpose,
        state=view.state,
        reason=view.reason,
        expires_at=view.expires_at,
        client=dict(view.client),
        tries_left=view.tries_left,
        alternatives=list(view.alternatives),
        session=_session(view.issued, True) if view.issued else None,
    )


@api.post("/sessions")
@public("the first rung: a platform's one-time code is what is checked")
@api.input(LoginIn, arg_name="body")
@api.output(SessionOut, status_code=201)
def open_session(body: LoginIn) -> SessionOut:
    """Log in with a platform's code (L0)."""
    issued, bound = lantai().logins.login(body.platform, body.code, client_address())
    return _session(issued, bound)


@api.get("/sessions")
@graduate()
@api.output(OwnSessionsOut)
def own_sessions() -> OwnSessionsOut:
    """The account's living sessions."""
    rows = lantai().sessions.list_own(current_actor())
    return OwnSessionsOut(
        items=[OwnSessionOut(id=i, platform=p, created_at=c, seen_at=s, current=own) for i, p, c, s, own in rows]
    )


@api.delete("/sessions/current")
@graduate(bound=False)
@api.output({}, status_code=204)
def end_session() -> tuple[str, int]:
    """Log out."""
    lantai().sessions.revoke(current_actor())
    return "", 204


@api.delete("/sessions/<uuid:session_id>")
@graduate()
@api.output({}, status_code=204)
def end_one_session(session_id: UUID) -> tuple[str, int]:
    """End one of the account's sessions."""
    lantai().sessions.revoke(current_actor(), session_id)
    return "", 204


@api.delete("/sessions")
@graduate()
@api.output(EndedOut)
def end_all_sessions() -> EndedOut:
    """Log out everywhere, this session too."""
    return EndedOut(ended=lantai().sessions.revoke_everywhere(current_actor()))


@api.post("/claims")
@graduate(bound=False)
@api.input(ClaimIn, arg_name="body")
@api.output(ClaimOut, status_code=202)
def make_claim(body: ClaimIn) -> ClaimOut:
    """Say who you are (L1). The answer is the same for hit and miss."""
    claim_id, expires = lantai().claims.claim(
        current_view(),
        student_number=body.student_number,
        id_number=body.id_number,
        name=body.name,
        address=client_address(),
    )
    return ClaimOut(id=claim_id, status="pending", expires_at=expires)


@api.get("/factors")
@graduate(bound=False)
@api.output(FactorsOut)
def factors() -> FactorsOut:
    """Factors open to this session now, and whether face may be used."""
    service, view = lantai().factors, current_view()
    return FactorsOut(
        factors=[
            FactorOut(factor=f, label=FACTORS[f].label, face=f in FACE_FACTORS, binds=FACTORS[f].binds)
            for f in service.offered(view)
        ],
        face_consent=service.has_consent(view.actor, "face"),
        face_health=service.face_health().value,
    )


@api.put("/consents/<kind>")
@graduate(bound=False)
@api.input(ConsentIn, arg_name="body")
@api.output(ConsentOut)
def set_consent(kind: str, body: ConsentIn) -> ConsentOut:
    """Give or withdraw a separate consent (`face`)."""
    lantai().factors.set_consent(current_actor(), kind, granted=body.granted)
    return ConsentOut(kind=kind, granted=body.granted)


@api.post("/verifications")
@graduate(bound=False)
@api.input(VerificationIn, arg_name="body")
@api.output(VerificationOut, status_code=201)
def begin_verification(body: VerificationIn) -> VerificationOut:
    """Begin to show a factor."""
    return _out(lantai().verifications.begin(current_view(), body.factor, body.purpose))


@api.get("/verifications/<uuid:verification_id>")
@graduate(bound=False)
@api.output(VerificationOut)
def verification(verification_id: UUID) -> VerificationOut:
    """How a verification stands; poll this after sending frames."""
    return _out(lantai().verifications.status(current_view(), verification_id))


@api.post("/verifications/<uuid:verification_id>/proof")
@graduate(bound=False)
@api.input(ProofIn, arg_name="body")
@api.output(VerificationOut)
def submit_proof(verification_id: UUID, body: ProofIn) -> VerificationOut:
    """Show the factor, or collect the result of a face check. A pass brings a new token."""
    proof = {k: v for k, v in body.model_dump().items() if v is not None}
    return _out(lantai().verifications.submit(current_view(), verification_id, proof))


@api.post("/verifications/<uuid:verification_id>/frames")
@graduate(bound=False)
@body_up_to(FRAMES_BODY_MOST)
@api.input(FramesIn, arg_name="body")
@api.output(VerificationOut, status_code=202)
def submit_frames(verification_id: UUID, body: FramesIn) -> VerificationOut:
    """Send a local-face clip. Frames are held in memory, sealed, for two minutes at most."""
    return _out(lantai().verifications.submit_frames(current_view(), verification_id, read_frames(body)))


def read_frames(body: FramesIn) -> list[FaceFrame]:
    """Raises Invalid naming the first frame that is not Base64."""
    frames = []
    for index, frame in enumerate(body.frames):
        try:
            image = base64.b64decode(frame.image, validate=True)
        except (ValueError, binascii.Error):
            raise Invalid("invalid_input", faults=[FieldFault(f"/frames/{index}/image", "wrong")]) from None
        frames.append(FaceFrame(index, frame.action, frame.at_ms, image, bytes.fromhex(frame.mac)))
    return frames
