"""`python -m demo`: the whole stack on loopback, with traffic, until Ctrl-C.

Exit status: 0 stopped as asked, 1 something did not start, 2 a setting is wrong.
"""

import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.stack import binaries, grafana, services
from demo.stack.configuration import NotLocalised
from demo.stack.ground import ROOT, Ground, PortInvalid, Ports
from demo.stack.guide import guide
from demo.stack.loopback import is_taken
from demo.stack.processes import Interrupted, Process, ProcessFailed, Stack, Stopping
from demo.stack.secrets import SecretUnusable
from demo.stack.signals import stop_asked_by_signal
from wedsync_core.clock import SystemClock


class CannotStart(Exception):
    """The demonstration cannot start; the message says what to change."""


def say(line: str) -> None:
    """Print one line at once: whoever reads may be a pipe."""
    print(line, flush=True)


def main() -> int:
    """Run the demonstration; return the exit status."""
    try:
        ports = Ports.from_environment(os.environ)
    except PortInvalid as error:
        print(error, file=sys.stderr)
        return 2
    ground = Ground(Path(os.environ.get("WEDSYNC_DATA_DIR") or ROOT / "var" / "demo").absolute(), ports)
    try:
        run(ground)
    except (CannotStart, binaries.BinaryMissing, NotLocalised, SecretUnusable, ProcessFailed) as error:
        print(f"The demo cannot start. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # While programs were still being fetched: nothing had been started.
        say("Stopped.")
    return 0


def run(ground: Ground) -> None:
    """Obtain, prepare, start, wait for the signal, stop. Raises what `main` tells."""
    found_grafana = grafana.find(os.environ)
    programs = binaries.prometheus(), binaries.alertmanager()
    ground.folder.mkdir(parents=True, exist_ok=True)
    with alone(ground.folder):
        refuse_taken_ports(ground.ports, with_grafana=found_grafana is not None)
        ground.prepare(SystemClock().now())
        with stop_asked_by_signal() as asked, Stack(say) as stack:
            try:
                for process in services.whole(ground, *programs):
                    start(stack, process, asked)
                with_grafana = found_grafana is not None and start_if_possible(
                    stack, grafana.grafana(*found_grafana, ground), asked
                )
                start(stack, services.traffic(ground), asked)
            except Interrupted:
                say("Stopping before everything had started.")
            else:
                say("\n" + guide(ground, with_grafana=with_grafana, here=Path.cwd()) + "\n")
                stack.watch(asked)
                say("\nStopping everything.")
    say(f"Stopped. The data are kept in {ground.folder}.")


def start(stack: Stack, process: Process, asked: Stopping) -> None:
    """Start one program and say how long it took."""
    clock = SystemClock()
    began = clock.monotonic()
    print(f"Starting {process.name} ... ", end="", flush=True)
    try:
        stack.start(process, asked)
    except BaseException:
        say("")
        raise
    say(f"ready after {clock.monotonic() - began:.1f} s")


def start_if_possible(stack: Stack, process: Process, asked: Stopping) -> bool:
    """Start a program the demonstration can do without; return whether it runs."""
    try:
        start(stack, process, asked)
    except ProcessFailed as error:
        say(f"Going on without it. {error}")
        return False
    return True


def refuse_taken_ports(ports: Ports, *, with_grafana: bool, taken: Callable[[int], bool] = is_taken) -> None:
    """Raise CannotStart if a port is taken or named twice, with every such port and the variable that changes it."""
    wanted = {
        variable: port
        for variable, port in ports.by_variable().items()
        if with_grafana or variable != "WEDSYNC_GRAFANA_PORT"
    }
    troubles = [
        f"Port {port} is taken: stop what listens there, or set {variable} to another port."
        for variable, port in wanted.items()
        if taken(port)
    ]
    troubles += [
        f"{variable} names port {port}, which another program of the stack has too."
        for variable, port in wanted.items()
        if list(wanted.values()).count(port) > 1
    ]
    if troubles:
        raise CannotStart("\n".join(troubles))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep a second demonstration out of the folder. Raises CannotStart if there is one."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotStart(
                f"Another demo runs on {folder}: stop it, or set WEDSYNC_DATA_DIR to another folder."
            ) from error
        yield


if __name__ == "__main__":
    sys.exit(main())
