"""Runs a plan of programs and steps under the supervisor, until a signal; then ends every process it caused."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import cast
from xmlrpc.client import Error as RpcError
from xmlrpc.client import ServerProxy

import psutil

from deploy.programs import Program, Step, supervisor_file
from providers.embedded import exec_as
from providers.embedded.children import free_port

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.1
WATCH_S = 1.0
SUPERVISOR_PATIENCE_S = 90.0  # it gives each program its own time, then kills that
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class LaunchError(Exception):
    """The plan cannot go on; the message says which part and what it printed."""


class StopRequested(BaseException):
    """A signal asked us to stop. Not an Exception, so that nothing on the way swallows it."""


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def ignore_signals() -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


@contextlib.contextmanager
def stopping_on_signals() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise StopRequested once; later ones are ignored, since stopping has begun.

    A hang-up that was ignored from the start (nohup) stays ignored.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        ignore_signals()
        raise StopRequested

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    yield


def adopt_orphans() -> None:
    """Make every process that loses its parent below us our own child, so that none can be missed at the end."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise LaunchError(f"prctl: {os.strerror(ctypes.get_errno())}")


class Supervised:
    """One supervisor process with its programs. Its files lie in ``folder``/run, the logs in ``folder``/log."""

    def __init__(self, programs: Sequence[Program], *, folder: Path, environment: Mapping[str, str]) -> None:
        self._programs = list(programs)
        self._folder = folder
        self._environment = dict(environment)
        self._password = secrets.token_urlsafe(24)
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """The supervisor itself, with nothing running yet."""
        for name in ("run", "log"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        file = self._write_file()
        argv = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(file)]
        plan: exec_as.Plan = {
            "account": None,
            "reach": [],
            "folder": str(Path.cwd()),
            "owner_pid": os.getpid(),
            "death_signal": signal.SIGTERM,
        }
        with (self._folder / "log" / "supervisord.out").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - argv is built here
                [sys.executable, "-I", "-S", str(Path(exec_as.__file__).resolve()), json.dumps(plan), *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )
        self._wait(self._answers, "supervisor", 30.0)

    def start(self, program: Program, limit_s: float) -> None:
        """Returns when it is ready; raises LaunchError with the end of its log when it gave up or time is out."""
        self._call("startProcess", program.name, False)

        def ready() -> bool:
            state = self.state(program.name)
            if state in ("FATAL", "EXITED", "STOPPED"):
                raise LaunchError(f"{program.name} does not start:\n{self._tail(program.name)}")
            return state == "RUNNING" and program.is_ready()

        self._wait(ready, program.name, limit_s)

    def state(self, name: str) -> str:
        info = cast(dict[str, object], self._call("getProcessInfo", name))
        return str(info["statename"])

    def watch(self) -> None:
        """Until a signal; what the supervisor gave up on is tried again. Raises LaunchError if the supervisor dies."""
        while True:
            time.sleep(WATCH_S)
            self._reap_orphans()
            if self._process is None or self._process.poll() is not None:
                raise LaunchError("the supervisor has ended: stopping everything")
            with contextlib.suppress(RpcError, OSError):
                for program in self._programs:
                    if self.state(program.name) == "FATAL":
                        say(f"{program.name} keeps failing, trying again; see {self._log(program.name)}")
                        self._call("startProcess", program.name, False)

    def close(self, patience_s: float) -> None:
        """Stop all programs, the first of the plan last, and then whatever they left behind: that has ``patience_s``
        to end by itself before it is killed."""
        with contextlib.suppress(RpcError, OSError):
            for program in reversed(self._programs[1:]):
                with contextlib.suppress(RpcError):  # "not running"
                    self._call("stopProcess", program.name, False)
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(SUPERVISOR_PATIENCE_S)
        end_all(psutil.Process().children(recursive=True), patience_s)

    def _write_file(self) -> Path:
        path = self._folder / "run" / "supervisord.conf"
        path.unlink(missing_ok=True)
        content = supervisor_file(self._programs, folder=self._folder, port=self._port, password=self._password)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def _call(self, method: str, *arguments: object) -> object:
        address = f"http://launcher:{self._password}@127.0.0.1:{self._port}/RPC2"
        with ServerProxy(address) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)

    def _answers(self) -> bool:
        try:
            self._call("getState")
        except (RpcError, OSError):
            return False
        return True

    def _wait(self, true: Callable[[], bool], name: str, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while not true():
            if self._process is None or self._process.poll() is not None:
                raise LaunchError(f"the supervisor ended while waiting for {name}:\n{self._tail('supervisord')}")
            if time.monotonic() > deadline:
                raise LaunchError(f"{name} was not ready after {limit_s:g} s:\n{self._tail(name)}")
            time.sleep(POLL_S)

    def _reap_orphans(self) -> None:
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error, ChildProcessError):
                if child.status() == psutil.STATUS_ZOMBIE and (self._process is None or child.pid != self._process.pid):
                    os.waitpid(child.pid, os.WNOHANG)

    def _log(self, name: str) -> Path:
        return self._folder / "log" / f"{name}.{'out' if name == 'supervisord' else 'log'}"

    def _tail(self, name: str) -> str:
        path = self._log(name)
        text = path.read_text("utf-8", "replace") if path.exists() else ""
        return "\n".join([*text.splitlines()[-15:], f"(all of it: {path})"])


def end_all(processes: list[psutil.Process], patience_s: float) -> None:
    """Ask, wait, then kill."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=patience_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=10.0)


def run_step(step: Step, environment: Mapping[str, str]) -> str:
    """Its output. Raises LaunchError with the output when it fails or takes too long."""
    try:
        done = subprocess.run(  # noqa: S603 - argv comes from the plan
            step.argv,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=step.limit_s,
            text=True,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        raise LaunchError(f"{step.name} took more than {step.limit_s:g} s") from None
    except OSError as error:
        raise LaunchError(f"{step.name}: {error}") from None
    if done.returncode != 0:
        raise LaunchError(f"{step.name} failed with code {done.returncode}:\n{done.stdout.strip()}")
    return done.stdout


def launch(
    plan: Sequence[Program | Step],
    *,
    folder: Path,
    environment: Mapping[str, str],
    when_ready: Callable[[], None],
    limit_s: float = 120.0,
    patience_s: float = 15.0,
) -> int:
    """Do the plan in order, then keep it running until SIGINT, SIGTERM or SIGHUP. 0 after a stop that was asked for.

    For a process that does nothing else: at the end every child of the calling process is ended, so that none started
    here outlives it. If the calling process is killed, the supervisor stops all.
    """
    supervised = Supervised(
        [part for part in plan if isinstance(part, Program)], folder=folder.absolute(), environment=environment
    )
    with stopping_on_signals():
        try:
            adopt_orphans()
            supervised.open()
            for part in plan:
                say(f"  … {part.name}")
                if isinstance(part, Program):
                    supervised.start(part, limit_s)
                else:
                    run_step(part, environment)
            when_ready()
            supervised.watch()
        except StopRequested:
            say("stopping …")
            code = 0
        except LaunchError as error:
            sys.stderr.write(f"{error}\n")
            code = 1
        finally:
            ignore_signals()
            supervised.close(patience_s)
    say("stopped, nothing is left running")
    return code


__all__ = ["LaunchError", "launch", "run_step", "say"]
