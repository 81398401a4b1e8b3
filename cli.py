"""The operators' command line: ./lantai, or python -m cli."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import NamedTuple, cast

import click
from sqlalchemy.exc import SQLAlchemyError

from app.errors import DomainError
from app.problems import problem_of
from app.settings import SettingsError


class Place(NamedTuple):
    """Where a command stands below commands/, and its line in the list."""

    module: str
    name: str
    line: str


COMMANDS: Mapping[str, Place] = {
    "campaign": Place("campaigns", "group", "群发通知：查看、暂停、继续。"),
    "check": Place("checks", "check_command", "四性检测一份档案或离线检测一个档案包。"),
    "clocks": Place("clocks", "group", "更正申请的期限：核对、重算、提醒与上报。"),
    "completeness": Place("completeness", "group", "档案完整性：材料清单与毕业前预测。"),
    "db": Place("database", "group", "数据库结构的升级与回退。"),
    "demo": Place("demo", "group", "演示数据（仅限演示环境）。"),
    "doctor": Place("doctor", "doctor_command", "体检：数据库、Redis、密钥、平台与设置，逐项说明。"),
    "files": Place("files", "group", "文件存储：检查主存储与副本，补齐副本缺少的文件。"),
    "fixity": Place("fixity", "group", "长期保存：密文校验、文件摘要复核与修复（DA/T 70-2018）。"),
    "import": Place("cohort", "import_command", "导入一届毕业生：文件夹、ZIP、CSV 或 XLSX。"),
    "import-status": Place("cohort", "status_command", "显示一个导入批次的进度，或列出最近的批次。"),
    "import-undo": Place("cohort", "undo_command", "撤销整个导入批次。"),
    "index": Place("index", "group", "检索索引：重建与核对。"),
    "keys": Place("keys", "group", "主密钥：初始化与查看。密钥文件须与数据库分开备份。"),
    "meters": Place("governance", "meters_group", "计划与完成情况。"),
    "package": Place("checks", "package_command", "检测一份档案并导出档案包。"),
    "partner": Place("partners", "group", "接入系统（校内业务系统、数据终端、接收单位）。"),
    "receivers": Place("receivers", "group", "接收单位名录：可以接收档案的机构。"),
    "rules": Place("governance", "rules_group", "制度文本与岗位责任表。"),
    "staff": Place("staff", "group", "工作人员账号。"),
    "statistics": Place("statistics", "group", "人才库统计。"),
    "terminal": Place("terminals", "group", "校园自助终端。"),
    "worker": Place("workers", "worker_command", "运行后台任务进程，直到收到停止信号。"),
}


class Listed(click.Group):
    """Loads the command that is asked for and no other: all of them together load the whole application, which takes
    longer than most commands do.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        return cast(click.Command, getattr(importlib.import_module(f"commands.{place.module}"), place.name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name].line) for name in self.list_commands(ctx)])


@click.group(cls=Listed, context_settings={"help_option_names": ["-h", "--help"]})
def lantai() -> None:
    """兰台：毕业生档案服务的运维命令。"""


def main() -> int:
    """Faults are told in words that say what to do; nothing is left as a traceback."""
    try:
        lantai.main(prog_name="lantai", standalone_mode=False)
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
