"""The operators' command line: ./lantai, or python -m cli."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import SQLAlchemyError

from app.errors import DomainError
from app.problems import problem_of
from app.settings import SettingsError
from commands import (
    campaigns,
    checks,
    clocks,
    cohort,
    completeness,
    database,
    demo,
    doctor,
    files,
    fixity,
    governance,
    index,
    keys,
    partners,
    receivers,
    staff,
    statistics,
    terminals,
    workers,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def lantai() -> None:
    """兰台：毕业生档案服务的运维命令。"""


for group in (
    database.group,
    files.group,
    keys.group,
    staff.group,
    terminals.group,
    partners.group,
    campaigns.group,
    receivers.group,
    completeness.group,
    demo.group,
    index.group,
    statistics.group,
    fixity.group,
    clocks.group,
    governance.rules_group,
    governance.meters_group,
):
    lantai.add_command(group)
imports = (cohort.import_command, cohort.status_command, cohort.undo_command)
for single in (checks.check_command, checks.package_command, *imports, doctor.doctor_command, workers.worker_command):
    lantai.add_command(single)


def main() -> int:
    """Faults are told in words that say what to do; nothing is left as a traceback."""
    try:
        lantai.main(standalone_mode=False)
    except SettingsError as error:
        click.echo(str(error), err=True)
        return 2
    except DomainError as error:
        problem = problem_of(error)
        click.echo(f"未完成：{problem.detail}", err=True)
        for fault in problem.errors:
            click.echo(f"  {fault['pointer']}：{fault['detail']}", err=True)
        return 1
    except SQLAlchemyError as error:
        # the class alone: a statement's text tells an operator nothing and may hold data
        click.echo(f"数据库没有接受这次操作（{type(error).__name__}）：请运行 lantai doctor 检查。", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("已取消。", err=True)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
