"""The job queue: Procrastinate's own published schema, owned by Alembic."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DROP = """
do $$ declare item record; begin
    for item in select tablename from pg_tables where schemaname = 'public' and tablename like 'procrastinate\\_%' loop
        execute format('drop table %I cascade', item.tablename);
    end loop;
    for item in select p.oid::regprocedure as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'public' and p.proname like 'procrastinate\\_%' loop
        execute format('drop function %s cascade', item.name);
    end loop;
    for item in select t.typname from pg_type t join pg_namespace n on n.oid = t.typnamespace
        where n.nspname = 'public' and t.typname like 'procrastinate\\_%' and t.typtype in ('e', 'c') loop
        execute format('drop type if exists %I cascade', item.typname);
    end loop;
end $$
"""


def upgrade() -> None:
    # exec_driver_sql: the schema holds percent signs and colons that must not be read as parameters
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))


def downgrade() -> None:
    op.get_bind().exec_driver_sql(DROP.replace("%", "%%"))
