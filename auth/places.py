"""Where auth's sealed values live."""

from __future__ import annotations

from uuid import UUID

from app.envelope import Place


def state_place(verification_id: UUID) -> Place:
    return Place("verification", "sealed_state", verification_id)


def totp_place(graduate_id: UUID) -> Place:
    return Place("graduate_totp", "sealed_secret", graduate_id)


def staff_totp_place(staff_id: UUID) -> Place:
    return Place("staff_member", "sealed_totp", staff_id)


def staff_link_place(link_id: UUID) -> Place:
    return Place("staff_link", "sealed_totp", link_id)
