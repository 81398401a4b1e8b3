"""The end of a hold, days on which loans were pressed for, and stock-takes of places.

A dossier that is held is held by wish: where another destination stood beside the hold, the hold is what was decided.
Going back keeps the wish.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

HELD_BY_WISH = "state <> 'held_at_school' or destination_case is not distinct from 'kept_at_school'"


def upgrade() -> None:
    op.add_column("transfer", sa.Column("held_since", sa.Date(), nullable=True))
    op.add_column("transfer", sa.Column("hold_told", sa.String(length=8), nullable=True))
    op.execute(
        "update transfer set held_since = (moved_at at time zone 'Asia/Shanghai')::date,"
        " destination_case = 'kept_at_school' where state = 'held_at_school'"
    )
    # the two years count from the first day of any hold, those that have ended too
    op.execute(
        "update transfer set held_since = first.day from ("
        "select object_id, min(at at time zone 'Asia/Shanghai')::date as day from event"
        " where type = 'transfer.moved' and data ->> 'state' = 'held_at_school' group by object_id"
        ") first where first.object_id = transfer.id"
    )
    op.create_check_constraint(op.f("ck_transfer_held_by_wish"), "transfer", HELD_BY_WISH)
    op.add_column("loan", sa.Column("reminded_for", sa.Date(), nullable=True))
    op.add_column("loan", sa.Column("pressed_on", sa.Date(), nullable=True))
    _stock_takes()


def _stock_takes() -> None:
    op.create_table(
        "stock_take",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("begun_by", sa.Uuid(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "state = 'open' or (ended_by is not null and ended_at is not null)",
            name=op.f("ck_stock_take_ended_by_whom"),
        ),
        sa.ForeignKeyConstraint(["place_id"], ["shelf_place.id"], name=op.f("fk_stock_take_place_id")),
        sa.ForeignKeyConstraint(["begun_by"], ["staff_member.id"], name=op.f("fk_stock_take_begun_by")),
        sa.ForeignKeyConstraint(["ended_by"], ["staff_member.id"], name=op.f("fk_stock_take_ended_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_take")),
        sa.UniqueConstraint("serial", name=op.f("uq_stock_take_serial")),
    )
    is_open = sa.text("state = 'open'")
    op.create_index("uq_stock_take_open", "stock_take", ["place_id"], unique=True, postgresql_where=is_open)
    op.create_table(
        "stock_line",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("serial", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("stock_take_id", sa.Uuid(), nullable=False),
        sa.Column("dossier_id", sa.Uuid(), nullable=True),
        sa.Column("graduate_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(length=24), nullable=False),
        sa.Column("finding", sa.String(length=10), nullable=False),
        sa.Column("place_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(finding = 'unknown') = (dossier_id is null)", name=op.f("ck_stock_line_unknown_is_nobodys")
        ),
        sa.CheckConstraint("finding = 'missing' or staff_id is not null", name=op.f("ck_stock_line_scanned_by_whom")),
        sa.ForeignKeyConstraint(["stock_take_id"], ["stock_take.id"], name=op.f("fk_stock_line_stock_take_id")),
        sa.ForeignKeyConstraint(["dossier_id"], ["dossier.id"], name=op.f("fk_stock_line_dossier_id")),
        sa.ForeignKeyConstraint(["graduate_id"], ["graduate.id"], name=op.f("fk_stock_line_graduate_id")),
        sa.ForeignKeyConstraint(["place_id"], ["shelf_place.id"], name=op.f("fk_stock_line_place_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_member.id"], name=op.f("fk_stock_line_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_line")),
        sa.UniqueConstraint("serial", name=op.f("uq_stock_line_serial")),
    )
    of_dossier, of_none = sa.text("dossier_id is not null"), sa.text("dossier_id is null")
    op.create_index(
        "uq_stock_line_dossier", "stock_line", ["stock_take_id", "dossier_id"], unique=True, postgresql_where=of_dossier
    )
    op.create_index(
        "uq_stock_line_code", "stock_line", ["stock_take_id", "code"], unique=True, postgresql_where=of_none
    )


def downgrade() -> None:
    op.drop_table("stock_line")
    op.drop_table("stock_take")
    op.drop_column("loan", "pressed_on")
    op.drop_column("loan", "reminded_for")
    op.drop_constraint(op.f("ck_transfer_held_by_wish"), "transfer", type_="check")
    op.drop_column("transfer", "hold_told")
    op.drop_column("transfer", "held_since")
