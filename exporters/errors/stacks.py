"""The text of a stack trace, read into frames: Python, JavaScript, Java, .NET, Ruby, Go, PHP, Rust, C and C++. Pure.

Every pattern is tried on one line of bounded length and starts at its beginning; none can run backwards over a text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

MOST_LINES = 2_000
"""Lines of a stack that are looked at."""
LONGEST_LINE = 1_000
MOST_FRAMES = 400
MOST_CAUSES = 10


class Platform(StrEnum):
    """What wrote the trace; how its names are read depends on it."""

    PYTHON = "python"
    JAVASCRIPT = "javascript"
    JAVA = "java"
    DOTNET = "dotnet"
    RUBY = "ruby"
    GO = "go"
    PHP = "php"
    NATIVE = "native"
    """C, C++ and Rust: what a debugger or a sanitizer prints."""
    OTHER = "other"


@dataclass(frozen=True)
class RawFrame:
    """A frame as it was printed: the function, and the file, class or library it is in."""

    platform: Platform
    function: str
    file: str
    in_app: bool | None = None
    """What the client says; None when it says nothing."""


@dataclass
class Thrown:
    """One error of a chain, its frames nearest to the failure first."""

    type: str = ""
    message: str = ""
    frames: list[RawFrame] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """The chain of errors of a trace: the error itself, what caused it, what caused that."""

    chain: tuple[Thrown, ...]

    @property
    def root(self) -> Thrown:
        """The first cause."""
        return self.chain[-1]

    @property
    def frames(self) -> list[RawFrame]:
        """All frames, from the failure outward: the first cause's, then those of what it caused."""
        return [frame for thrown in reversed(self.chain) for frame in thrown.frames][:MOST_FRAMES]


_PYTHON = re.compile(r'\s*+(?:\|\s*+)?File "([^"]*+)", line \d++(?:, in (.*+))?')
_JAVA = re.compile(
    r"\s*+(?:\[\w++\]\s*+)?at (?:[\w.@$-]*+/(?:[\w.@$-]*+/)?+)?([\w.$/<>-]++)\s?\(([^()]*+)\)"
    r"(?:\s*+[~]?\[[^\]]*+\])?\s*+$"
)
_JAVA_CAUSE = re.compile(r"\s*+(Caused by|Suppressed):\s*+([\w.$]++)(?::\s?(.*+))?")
_DOTNET = re.compile(r"\s*+at ([\w.<>`+\[\],|]++)\s?\([^()]*+\)(?: in ([^:]*+(?::\\[^:]*+)?+):line \d++)?\s*+$")
_V8_PLACE = re.compile(r"(?:(?:file|https?|webpack-internal|webpack|app|node|chrome-extension)\S*|.*?)(?::\d+){1,2}$")
_RUBY = re.compile(r"\s*+(?:\d++:\s)?(?:from\s)?([^\s:]++):\d++:in [`']([^']*+)'")
_PHP = re.compile(r"\s*+#\d++ (?:(?:(\[internal function\]|[^:]*?\(\d++\)): )|)([^(\s]++)\(|\s*+#\d++ (\{main\})")
_GDB = re.compile(r"\s*+#(\d++)\s++(?:(?:0x[0-9a-fA-F]++|\[[^\]]*+\])\s++(?:in\s++)?+)?(.*+)$")
_GO_FILE = re.compile(r"\s++([^\s:]++):\d++(?: \+0x[0-9a-f]++)?\s*+$")
_GECKO = re.compile(r"\s*+([^@]{0,300}+)@(.++)$")
_RUST = re.compile(r"\s*+(\d++):\s++(?:0x[0-9a-f]++ - )?(\S.*+)$")
_GLIBC = re.compile(r"\s*+(?:\[[^\]]*+\]\s*+)?(\S++)\(([^()+]*+)\+0x[0-9a-f]++\)(?:\s?\[0x[0-9a-f]++\])?\s*+$")
_KERNEL = re.compile(r"\s*+(?:\[[^\]]*+\]\s*+)?(?:\? )?(\w[\w.]*+)\+0x[0-9a-f]++/0x[0-9a-f]++(?: \[(\w++)\])?\s*+$")
_BARE = re.compile(r"\s*+([A-Za-z_$][\w$]*+(?:[.:#/]++[\w$<>~-]++)++)(?:\(([^()]*+)\))?\s*+$")
_TITLE = re.compile(
    r"\s*+(?:Uncaught |Exception in thread \"[^\"]*+\" |Unhandled exception[.:] )?([A-Za-z_][\w.$\\]*+)(?::\s?(.*+))?$"
)
_CONTEXT = "During handling of the above exception"
_CAUSE = "The above exception was the direct cause"


def read_stack(text: str) -> Trace:
    """Return the chain of a trace; without frames when it is in no form that is known."""
    lines = [line[:LONGEST_LINE] for line in text.splitlines()[:MOST_LINES]]
    if any('File "' in line and _PYTHON.match(line) for line in lines):
        return _python(lines)
    if any(line.startswith(("goroutine ", "\tgoroutine ")) for line in lines):
        return Trace((_go(lines),))
    if sum(1 for line in lines if _PHP.match(line) and ("): " in line or "{main}" in line or "[internal" in line)):
        return _php(lines)
    if sum(1 for line in lines if _is_gdb(line)):
        return Trace((_gdb(lines),))
    if any(_RUBY.match(line) for line in lines):
        return Trace((_ruby(lines),))
    return _managed(lines)


def _python(lines: list[str]) -> Trace:
    # Python prints the first cause first; each traceback has its failure below.
    blocks: list[tuple[list[str], bool]] = [([], True)]
    for line in lines:
        if line.startswith((_CAUSE, _CONTEXT)):
            blocks.append(([], line.startswith(_CAUSE)))
        else:
            blocks[-1][0].append(line)
    chain: list[Thrown] = []
    for at in range(len(blocks) - 1, -1, -1):
        thrown = Thrown()
        for line in blocks[at][0]:
            found = _PYTHON.match(line)
            if found:
                thrown.frames.insert(0, RawFrame(Platform.PYTHON, found[2] or "", found[1]))
            elif line[:1].strip() and not line.startswith("Traceback") and (title := _TITLE.match(line)):
                thrown.type, thrown.message = title[1], title[2] or ""
        del thrown.frames[MOST_FRAMES:]
        chain.append(thrown)
        # What was merely being handled is where the code stood, not why it failed.
        if not blocks[at][1] or len(chain) == MOST_CAUSES:
            break
    return Trace(tuple(chain))


def _go(lines: list[str]) -> Thrown:
    thrown = Thrown()
    started = False
    for at, line in enumerate(lines):
        if line.lstrip().startswith("goroutine "):
            if started:
                break
            started = True
        elif not started and line.startswith(("panic: ", "fatal error: ")):
            thrown.type, _, thrown.message = line.partition(": ")
        elif started and (file := _GO_FILE.match(line)):
            call = lines[at - 1].strip()
            if call.endswith(")") and not call.startswith("created by "):
                thrown.frames.append(RawFrame(Platform.GO, call[: call.rindex("(")] or call, file[1]))
    return thrown


def _php(lines: list[str]) -> Trace:
    chain: list[Thrown] = [Thrown()]
    for line in lines:
        found = _PHP.match(line)
        if found and found[2]:
            chain[-1].frames.append(RawFrame(Platform.PHP, found[2], (found[1] or "").partition("(")[0]))
        elif not found:
            if line.startswith("Next ") and chain[-1].frames:
                chain.append(Thrown())
            plain = line.removeprefix("Next ").removeprefix("PHP Fatal error:  ")
            if not chain[-1].frames and (title := _TITLE.match(plain)):
                chain[-1].type, chain[-1].message = title[1], title[2] or ""
    return Trace(tuple(reversed(chain[-MOST_CAUSES:])))


def _is_gdb(line: str) -> bool:
    return line.lstrip()[:1] == "#" and _GDB.match(line) is not None


def _gdb(lines: list[str]) -> Thrown:
    thrown = Thrown()
    for line in lines:
        found = _GDB.match(line)
        if not found or line.lstrip()[:1] != "#":
            continue
        # A second `#0` is another thread: the first is the one that crashed.
        if found[1] == "0" and thrown.frames:
            break
        name, file = _gdb_parts(found[2])
        if name:
            thrown.frames.append(RawFrame(Platform.NATIVE, name, file))
    return thrown


def _gdb_parts(rest: str) -> tuple[str, str]:
    """Return the function and the file or library of what follows the address."""
    rest = rest.strip()
    if rest.startswith("<signal handler"):
        return "<signal handler called>", ""
    for mark in (" at ", " from "):
        head, found, tail = rest.rpartition(mark)
        if found and "(" in head:
            return _before_arguments(head), tail.strip().partition(":")[0]
    # Sanitizers: `name file.c:12:3` or `name (library+0x12)`.
    name = _before_arguments(rest)
    tail = rest[len(name) :].strip()
    if tail.startswith("(") and "+0x" in tail:
        return name.strip(), tail[1:].partition("+0x")[0]
    parts = rest.split()
    if len(parts) > 1 and ":" in parts[-1] and "(" not in rest:
        return " ".join(parts[:-1]), parts[-1].partition(":")[0]
    return name.strip(), ""


def _before_arguments(text: str) -> str:
    """Cut at the `(` that opens the arguments: not one within `<>`, nor that of `operator()` or `(anonymous …)`."""
    depth = 0
    for at, sign in enumerate(text):
        if sign == "<":
            depth += 1
        elif sign == ">" and depth:
            depth -= 1
        elif sign == "(" and not depth:
            if text.startswith(("(anonymous", "(*"), at) or text.endswith("operator", 0, at):
                continue
            return text[:at].rstrip()
    return text


def _managed(lines: list[str]) -> Trace:
    """Java, .NET, JavaScript and Rust: frames below the title, causes below the frames."""
    chain: list[Thrown] = [Thrown()]
    aside = False
    for line in lines:
        cause = _JAVA_CAUSE.match(line) if "Caused by:" in line or "Suppressed:" in line else None
        if cause:
            # What failed while tidying up is another story.
            aside = cause[1] == "Suppressed"
            if not aside:
                if len(chain) == MOST_CAUSES:
                    break
                chain.append(Thrown(cause[2], cause[3] or ""))
            continue
        if line.startswith("\t... ") or line.strip().startswith("... "):
            aside = False
            continue
        frame = _managed_frame(line)
        if frame is None:
            if not chain[-1].frames and not chain[-1].type and (title := _TITLE.match(line)):
                chain[-1].type, chain[-1].message = title[1], title[2] or ""
        elif not aside and len(chain[-1].frames) < MOST_FRAMES:
            chain[-1].frames.append(frame)
    return Trace(tuple(chain))


def _managed_frame(line: str) -> RawFrame | None:
    bare = line.strip()
    if bare.startswith("at ") or "] at " in bare[:20]:
        return _at_frame(line, bare)
    for pattern, platform in ((_GLIBC, Platform.NATIVE), (_KERNEL, Platform.NATIVE)):
        if found := pattern.match(line):
            file, name = (found[1], found[2]) if pattern is _GLIBC else (found[2] or "", found[1])
            return RawFrame(platform, name or "??", file)
    if "@" in bare and (gecko := _GECKO.match(line)) and (":" in gecko[2] or "[native code]" in gecko[2]):
        return RawFrame(Platform.JAVASCRIPT, gecko[1].strip(), _without_position(gecko[2].strip()))
    if (rust := _RUST.match(line)) and "::" in bare:
        return RawFrame(Platform.NATIVE, rust[2], "")
    if " " not in bare and (plain := _BARE.match(line)):
        return bare_frame(plain[1], plain[2] or "")
    return None


def _at_frame(line: str, bare: str) -> RawFrame | None:
    java = _JAVA.match(line)
    if java and "." in java[1] and not java[2].startswith(("http", "file:", "/", "node:", "webpack", "<anonymous>")):
        if java[2].endswith((".js", ".ts", ".mjs", ".tsx", ".jsx")) or _POSITION.search(java[2]):
            return _v8_frame(bare)
        name, _, method = java[1].rpartition(".")
        return RawFrame(Platform.JAVA, method, name)
    if (" in " in line and ":line " in line) or (bare.endswith(")") and "(" in bare and _is_dotnet(bare)):
        dotnet = _DOTNET.match(line)
        if dotnet:
            name, _, method = dotnet[1].rpartition(".")
            return RawFrame(Platform.DOTNET, method, name)
    return _v8_frame(bare)


_POSITION = re.compile(r":\d++:\d++$")


def _is_dotnet(bare: str) -> bool:
    inside = bare[bare.index("(") + 1 : -1]
    return not inside or (" " in inside and ":" not in inside and "/" not in inside)


def _v8_frame(bare: str) -> RawFrame | None:
    rest = bare[bare.index("at ") + 3 :]
    name, place = "", rest
    if rest.endswith(")") and " (" in rest:
        name, _, place = rest[:-1].partition(" (")
        if place.startswith("eval at "):
            place = "<eval>"
    elif rest.startswith("async "):
        place = rest[6:]
    known = place in ("<anonymous>", "native", "<eval>", "index 0") or place.startswith("index ")
    if not known and not _POSITION.search(place) and not re.search(r":\d++$", place):
        return None
    return RawFrame(Platform.JAVASCRIPT, name, _without_position(place))


def _without_position(place: str) -> str:
    """Take off the line and the column."""
    for _ in range(2):
        head, colon, tail = place.rpartition(":")
        if colon and tail.isdigit():
            place = head
    return place


def bare_frame(name: str, inside: str = "") -> RawFrame:
    """Read what data sets of traces keep of a frame: `package.Class.method` or `namespace::function`."""
    if "::" in name:
        return RawFrame(Platform.NATIVE, name, inside)
    module, _, method = name.rpartition(".")
    return RawFrame(Platform.JAVA if module else Platform.OTHER, method or name, module)


def _ruby(lines: list[str]) -> Thrown:
    found = [match for line in lines if (match := _RUBY.match(line))]
    return Thrown(frames=[RawFrame(Platform.RUBY, match[2], match[1]) for match in found[:MOST_FRAMES]])
