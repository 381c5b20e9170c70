"""The supervisor, on small real programs of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from demo.stack import signals
from demo.stack.processes import Interrupted, Process, ProcessFailed, Stack
from tests.fakes import FakeClock
from tests.waiting import lives, wait_until
from wedsync_core.clock import SystemClock

# Says so when it is up; ends at SIGTERM.
OBEDIENT = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); open(sys.argv[1], 'w'); signal.pause()"
)
DEAF = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(600)"
)
# Goes on writing into a file, deaf.
BEATING = """
import signal, sys, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    with open(sys.argv[1], "a") as file:
        file.write(".")
    threading.Event().wait(0.02)
"""
# Ends at SIGTERM and signs a list.
SIGNING = """
import pathlib, signal, sys
def sign(*_):
    with (pathlib.Path(sys.argv[1]).parent / "ended").open("a") as list:
        list.write(pathlib.Path(sys.argv[1]).stem + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, sign)
open(sys.argv[1], "w")
signal.pause()
"""
# Starts a child that hears nothing, says its number, and ends at SIGTERM itself.
PARENT_OF_DEAF = """
import pathlib, signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf])
pathlib.Path(sys.argv[1] + ".child").write_text(str(child.pid))
open(sys.argv[1], "w")
signal.pause()
"""
SUPERVISOR = """
import pathlib, sys, threading
from demo.stack.processes import Process
folder = pathlib.Path(sys.argv[1])
up = folder / "up"
argv = [sys.executable, "-c", sys.argv[2], str(up)]
process = Process(name="child", argv=argv, ready=up.exists, log_path=folder / "log")
# Started by a thread that ends at once: the child must outlive it.
thread = threading.Thread(target=process.start)
thread.start()
thread.join()
(folder / "pid").write_text(str(process.pid))
threading.Event().wait()
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    made: list[Process] = []

    def make(code: str, name: str = "program", **settings: object) -> Process:
        up = tmp_path / f"{name}.up"
        process = Process(
            name=name,
            argv=[sys.executable, "-c", code, str(up)],
            ready=up.exists,
            log_path=tmp_path / f"{name}.log",
            **settings,  # type: ignore[arg-type]
        )
        made.append(process)
        return process

    yield make
    for process in made:
        process.kill()


def test_a_program_is_started_waited_for_and_stopped(program: Callable[..., Process]) -> None:
    process = program(OBEDIENT)
    process.start()
    pid = process.pid
    assert process.running
    assert os.getpgid(pid) == pid
    assert process.stop()
    assert not process.running
    assert not lives(pid)


def test_it_can_be_started_again_after_a_kill(program: Callable[..., Process]) -> None:
    process = program(OBEDIENT)
    process.start()
    first = process.pid
    process.kill()
    process.start()
    assert process.pid != first
    assert process.stop()


def test_a_program_that_ends_at_once_is_an_error_with_its_last_words(program: Callable[..., Process]) -> None:
    process = program("import sys; print('the cake is late'); sys.exit(3)")
    with pytest.raises(ProcessFailed, match=r"program ended with exit code 3(.|\n)*the cake is late"):
        process.start()
    assert not process.running


def test_only_the_words_of_this_run_are_repeated(program: Callable[..., Process], tmp_path: Path) -> None:
    (tmp_path / "program.log").write_text("yesterday's quarrel\n")
    process = program("import sys; print('the cake is late'); sys.exit(3)")
    with pytest.raises(ProcessFailed) as caught:
        process.start()
    assert "yesterday" not in str(caught.value)
    assert (tmp_path / "program.log").read_text().startswith("yesterday's quarrel\n")


def test_a_program_that_is_not_ready_in_time_is_stopped(program: Callable[..., Process]) -> None:
    process = program("import time; print('still dressing', flush=True); time.sleep(600)", start_seconds=0.5)
    process.spawn()
    pid = process.pid
    with pytest.raises(ProcessFailed, match=r"not ready after 0.5 s"):
        process.wait_until_ready(threading.Event())
    assert process.running
    process.kill()
    with pytest.raises(ProcessFailed, match=r"not ready after 0.5 s"):
        process.start()
    assert not process.running
    assert not lives(pid)


def test_a_stranger_who_answers_does_not_make_a_dead_program_ready(
    program: Callable[..., Process], tmp_path: Path
) -> None:
    (tmp_path / "program.up").touch()
    process = program("raise SystemExit('port taken')")
    process.spawn()
    wait_until(lambda: not process.running)
    with pytest.raises(ProcessFailed, match="port taken"):
        process.wait_until_ready(threading.Event())


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = Process(name="ghost", argv=["/nowhere/ghost"], ready=lambda: False, log_path=tmp_path / "log")
    with pytest.raises(ProcessFailed, match=r"/nowhere/ghost does not start: .*No such file"):
        process.start()


def test_a_stop_during_the_start_ends_the_wait(program: Callable[..., Process]) -> None:
    asked = threading.Event()
    asked.set()
    process = program("import time; time.sleep(600)")
    with pytest.raises(Interrupted):
        process.start(asked)
    assert not process.running


def test_a_deaf_program_is_killed_after_its_grace(program: Callable[..., Process]) -> None:
    process = program(DEAF, stop_seconds=0.2)
    process.start()
    pid = process.pid
    assert not process.stop()
    assert not lives(pid)


def test_the_grace_is_measured_by_the_clock(program: Callable[..., Process]) -> None:
    class Hurrying(FakeClock):
        def monotonic(self) -> float:
            self.advance(seconds=200)
            return super().monotonic()

    process = program(DEAF, stop_seconds=600.0)
    process.start()
    process.clock = Hurrying(SystemClock().now())
    assert not process.stop()


def test_what_a_program_started_ends_with_it(program: Callable[..., Process], tmp_path: Path) -> None:
    process = program(PARENT_OF_DEAF)
    process.start()
    grandchild = int((tmp_path / "program.up.child").read_text())
    assert lives(grandchild)
    assert process.stop()
    wait_until(lambda: not lives(grandchild))


def test_a_stack_stops_in_reverse_and_reports_a_death_once(program: Callable[..., Process], tmp_path: Path) -> None:
    told: list[str] = []
    asked = threading.Event()

    class AskedAfterThreeLooks:
        looks = 0

        def wait(self, timeout: float, /) -> bool:
            self.looks += 1
            return self.looks > 3

    with Stack(told.append) as stack:
        for name in ("alertmanager", "prometheus", "exporters", "demo"):
            process = program(SIGNING, name=name)
            stack.start(process, asked)
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not process.running)
        stack.watch(AskedAfterThreeLooks())
    assert (tmp_path / "ended").read_text().split() == ["exporters", "prometheus", "alertmanager"]
    assert [line.partition(".")[0] for line in told] == ["demo was ended by SIGKILL"]


def test_a_start_that_fails_leaves_the_others_to_be_stopped(program: Callable[..., Process]) -> None:
    first, second = program(OBEDIENT, name="first"), program("raise SystemExit(1)", name="second")
    with Stack(print) as stack:
        stack.start(first)
        with pytest.raises(ProcessFailed, match="second"):
            stack.start(second)
        assert first.running
    assert not first.running


def test_a_program_started_by_a_thread_outlives_it_and_dies_with_the_supervisor(tmp_path: Path) -> None:
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path), BEATING])
    try:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        child = int((tmp_path / "pid").read_text())
        beats = (tmp_path / "up").stat().st_size
        wait_until(lambda: (tmp_path / "up").stat().st_size > beats + 5)
    finally:
        supervisor.kill()
        supervisor.wait()
    wait_until(lambda: not lives(child))


def test_a_signal_is_something_to_wait_for_and_is_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals.stop_asked_by_signal() as asked:
        assert not asked.wait(0.0)
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.wait(5.0)
        assert asked.wait(0.0), "it stays asked"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL, "a second signal ends the process at once"
    assert signal.getsignal(signal.SIGTERM) is before
