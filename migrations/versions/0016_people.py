"""Staff: passkeys, fresh factors in sessions, one-time links, replacements, absences, notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def _at(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _id(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _member(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["staff_member.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    op.add_column("login_session", sa.Column("device", sa.String(60), nullable=False, server_default=""))
    op.add_column("login_session", sa.Column("factor", sa.String(12), nullable=False, server_default=""))
    op.add_column("login_session", _at("factor_at", nullable=True))
    op.alter_column("login_session", "device", server_default=None)
    op.alter_column("login_session", "factor", server_default=None)
    op.alter_column("staff_member", "sealed_totp", nullable=True)
    op.create_table(
        "staff_passkey",
        _id("id"),
        _id("staff_id"),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False),
        sa.Column("public_key", sa.String(4000), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("transports", postgresql.ARRAY(sa.String(20)), nullable=False),
        sa.Column("backed_up", sa.Boolean(), nullable=False),
        _at("created_at"),
        _at("last_used_at", nullable=True),
        _member("staff_passkey", "staff_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_staff_passkey_credential_id")),
    )
    op.create_index(op.f("ix_staff_passkey_staff_id"), "staff_passkey", ["staff_id"])
    op.create_table(
        "staff_ceremony",
        _id("id"),
        sa.Column("kind", sa.String(12), nullable=False),
        _id("bound_to", nullable=True),
        sa.Column("challenge", sa.String(100), nullable=False),
        _at("expires_at"),
        _at("used_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_ceremony")),
    )
    op.create_index("ix_staff_ceremony_expires", "staff_ceremony", ["expires_at"])
    _links()
    _absences()


def _links() -> None:
    op.create_table(
        "staff_link",
        _id("id"),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("roles", postgresql.ARRAY(sa.String(20)), nullable=False),
        _id("person_key"),
        _id("staff_id", nullable=True),
        sa.Column("sealed_totp", sa.LargeBinary(), nullable=False),
        _id("created_by"),
        _at("created_at"),
        _at("expires_at"),
        _at("used_at", nullable=True),
        _at("revoked_at", nullable=True),
        _member("staff_link", "staff_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_link")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_staff_link_code_hash")),
    )
    op.create_index(op.f("ix_staff_link_staff_id"), "staff_link", ["staff_id"])
    op.create_table(
        "staff_replacement",
        _id("id"),
        _id("staff_id"),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        _id("requested_by"),
        _id("decided_by", nullable=True),
        _at("decided_at", nullable=True),
        _id("link_id", nullable=True),
        _at("created_at"),
        _member("staff_replacement", "staff_id"),
        _member("staff_replacement", "requested_by"),
        _member("staff_replacement", "decided_by"),
        sa.ForeignKeyConstraint(["link_id"], ["staff_link.id"], name=op.f("fk_staff_replacement_link_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_replacement")),
    )
    op.create_index(
        "uq_staff_replacement_open",
        "staff_replacement",
        ["staff_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
    )


def _absences() -> None:
    op.create_table(
        "staff_absence",
        _id("id"),
        _id("staff_id"),
        _id("stand_in_id", nullable=True),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        _id("recorded_by"),
        _at("created_at"),
        _at("cancelled_at", nullable=True),
        _member("staff_absence", "staff_id"),
        _member("staff_absence", "stand_in_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_absence")),
    )
    op.create_index(op.f("ix_staff_absence_staff_id"), "staff_absence", ["staff_id"])
    op.create_index("ix_staff_absence_days", "staff_absence", ["starts_on", "ends_on"])
    op.create_table(
        "staff_notice",
        _id("id"),
        _id("staff_id"),
        sa.Column("code", sa.String(40), nullable=False),
        _id("object_id", nullable=True),
        _at("at"),
        _at("read_at", nullable=True),
        _member("staff_notice", "staff_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_notice")),
    )
    op.create_index("ix_staff_notice_staff", "staff_notice", ["staff_id", "at"])


def downgrade() -> None:
    for table in (
        "staff_notice",
        "staff_absence",
        "staff_replacement",
        "staff_link",
        "staff_ceremony",
        "staff_passkey",
    ):
        op.drop_table(table)
    # an account without TOTP keeps its row; the release before knows no passkeys, so it waits for a reset there
    op.execute("update staff_member set sealed_totp = '\\x' where sealed_totp is null")
    op.alter_column("staff_member", "sealed_totp", nullable=False)
    op.drop_column("login_session", "factor_at")
    op.drop_column("login_session", "factor")
    op.drop_column("login_session", "device")
