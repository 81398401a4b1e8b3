"""`lantai worker`: the job workers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent


@click.command("worker")
@click.option("--face", is_flag=True, help="运行人脸核验进程（单线程，单独加载人脸库）。")
def worker_command(face: bool) -> None:
    """运行后台任务进程，直到收到停止信号。"""
    # a fresh interpreter: the face stack must never be loaded into a process that does anything else
    script = ROOT / ("face_worker.py" if face else "worker.py")
    os.execv(sys.executable, [sys.executable, str(script)])  # noqa: S606 - our own script, no shell
