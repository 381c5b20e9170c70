"""Frames made comparable over builds, hosts and releases, and told apart: own, a library's, the plumbing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from exporters.errors.stacks import Platform, RawFrame


class Layer(IntEnum):
    """Whose code a frame is."""

    PLUMBING = 0
    """The language itself, its standard library, the event loop: it is in every trace."""
    LIBRARY = 1
    OWN = 2


@dataclass(frozen=True)
class Place:
    """A place in code that keeps its name over releases: the module, class or file, and the function."""

    module: str
    function: str
    layer: Layer
    why: str
    """What put it into its layer."""
    native: bool = False

    def __str__(self) -> str:
        return f"{self.function} in {self.module}" if self.module else self.function

    @property
    def feature(self) -> str:
        """The name under which it is compared: native frames are now printed with their file, now with their library."""  # noqa: E501
        return self.function if self.native and self.function not in _NAMELESS else str(self)

    @property
    def named(self) -> bool:
        """Whether it says enough to tell it from others."""
        return self.function not in _NAMELESS or bool(self.module and self.module not in _NAMELESS)


_NAMELESS = frozenset({"", "<anonymous>", "??", "?", "<unknown>", "<lambda>", "eval", "<eval>", "native", "<native>"})

_PLUMBING = {
    Platform.PYTHON: re.compile(
        r"<frozen |<string>|(?:^|/)(?:lib|Lib)/python\d[\d.]*/(?!site-packages|dist-packages)"
        r"|/lib/python\d[\d.]*+/(?!site-packages|dist-packages)"
    ),
    Platform.JAVASCRIPT: re.compile(
        r"^node:|^internal/|^\(?native|\[native code\]|^<anonymous>$|^<eval>$|webpack/(?:bootstrap|runtime)|^index \d"
        r"|^(?:timers|events|net|_http_\w+|_stream_\w+|module|bootstrap_node|vm|fs|domain)\.js$"
    ),
    Platform.JAVA: re.compile(
        r"^(?:java|javax|jdk|sun|com\.sun|kotlin|scala|groovy\.lang|dalvik|libcore|android\.os|com\.android\.internal"
        r"|jakarta|org\.codehaus\.groovy)(?:\.|$)|^\$Proxy|\.\$Proxy|GeneratedMethodAccessor|GeneratedConstructorAccessor"
    ),
    Platform.DOTNET: re.compile(r"^System(?:\.|$)|^Microsoft(?:\.|$)"),
    Platform.RUBY: re.compile(r"^<internal:|/lib/ruby/\d[^/]*/(?!gems)|/ruby/\d[\d.]*/lib/ruby/\d"),
    Platform.GO: re.compile(r"(?:^|/)(?:go|go\d[\d.]*|golang)/src/(?!github|gitlab|bitbucket)|/libexec/src/"),
    Platform.PHP: re.compile(r"^\[internal function\]$|^$"),
    Platform.NATIVE: re.compile(
        r"(?:^|/)(?:ld-|lib(?:c|pthread|stdc\+\+|gcc_s|m|dl|rt|asan|ubsan)[.-])|sysdeps/|/glibc|(?:^|/)libio/|/csu/"
    ),
}
_PLUMBING_FUNCTION = {
    Platform.NATIVE: re.compile(
        r"^(?:(?:__)?(?:GI_|libc_|kernel_|pthread_)?_*+(?:raise|abort|gsignal|assert(?:_fail(?:_base)?)?|kill|tgkill"
        r"|libc_message|fortify_fail|chk_fail|stack_chk_fail|malloc_printerr|libc_start_main(?:_impl)?|libc_start_call_main"
        r"|start_thread|clone3?|waitpid|select|poll|epoll_wait|nanosleep|read|write|munmap_chunk)"
        r"|<signal handler called>|_start|start_thread|clone"
        r"|__cxa_.*+|__cxxabiv1::.*+|__interceptor_.*+|__asan_.*+|__sanitizer.*+|core::panicking::.*+|rust_begin_unwind"
        r"|__rust_.*+|_int_(?:free|malloc|realloc)|malloc_consolidate|(?:c|m|re)alloc|free|mem(?:cpy|set|move|cmp)|str(?:len|cmp|cpy)"
        r"|\?\?|std::.*+|__gnu_cxx::.*+|g_log(?:v|_structured.*+)?|g_assertion_message(?:_expr)?|operator new.*+|operator delete.*+)$"  # noqa: E501
    ),
    Platform.GO: re.compile(r"^(?:runtime|panic|syscall|reflect|testing|net/http|sync)(?:[./]|$)|^panic$"),
    Platform.PHP: re.compile(r"^\{main\}$"),
}
_LIBRARY = re.compile(
    r"site-packages[/\\]|dist-packages[/\\]|node_modules[/\\]|/vendor/|^vendor/|/gems/|/pkg/mod/|\.cargo/registry"
    r"|chrome-extension:|moz-extension:|^https?://(?:cdn|unpkg|ajax|www\.googletagmanager)"
)
_JAVA_LIBRARY = re.compile(
    r"^(?:org\.(?:springframework|apache|hibernate|junit|slf4j|jboss|postgresql|mozilla\.javascript)|com\.(?:google\.common"
    r"|zaxxer|fasterxml|mysql|mchange|sun\.proxy|jcraft)|io\.(?:netty|reactivex|undertow|micrometer)|ch\.qos|okhttp3|retrofit2"
    r"|net\.(?:sf\.cglib|bytebuddy)|reactor|feign|rx|akka|play)\."
)

# `main-4f2a9c81.js`, `main.4f2a9c81.chunk.js` and `main.js` are one file of three builds.
_BUILD_HASH = re.compile(
    r"[.-](?=[0-9A-Za-z_]{0,63}\d)[0-9A-Za-z_]{6,64}(?=\.)|\.(?:chunk|bundle|min|esm|cjs|prod)(?=\.)|[.-][0-9a-f]{8,64}(?=\.)"
)
_CHUNK_NUMBER = re.compile(r"^(?:chunk-)?\d++(?=\.)")
_VERSION = re.compile(r"@v?\d[\w.+-]*+|(?<=-)v?\d++(?:\.\d++)++[\w.-]*+")
_DIGITS = re.compile(r"\d++")
_JAVA_GENERATED = re.compile(
    r"\$\$(?:Enhancer|FastClass|Lambda|Proxy|SpringCGLIB|KeyFactory|Mockito)\w*+(?:\$\$\w*+)*+(?:\$\d++)?(?:[/.]0?x?[0-9a-f]++)?"
    r"|_?\$\$_(?:javassist|jvst|Weld)\w*+|\$ByteBuddy\$\w*+|\$HibernateProxy\$\w*+|\$\d++(?=$|\$)|(?<=Accessor)\d++|(?<=\$Proxy)\d++"
    r"|\$\$anon(?:fun)?\$?\d*+"
)
_JAVA_LAMBDA = re.compile(
    r"lambda\$([\w$]+?)\$\d++$|lambda\$\d++$|(access\$)\d++$|\$anonfun\$(\w+?)\$\d++$|(\w+?)\$\d++$|(\w+?)\$(?:default|\$inlined.*+)$"
)
_RUBY_BLOCK = re.compile(r"^(?:(?:block|rescue|ensure)(?: \(\d++ levels\))? in )++")
_GO_CLOSURE = re.compile(r"(?:\.func\d++|\.\d++|\.gowrap\d++|-fm|-range\d++)+$")
_NATIVE_CLONE = re.compile(
    r"(?:\.(?:isra|part|constprop|cold|lto_priv|llvm)\.?\d*+)+$|@@?[A-Z]\w*+[\w.]*+$|@plt$|\s?\[clone [^\]]*+\]"
)
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_ADDRESS = re.compile(r"^0x[0-9a-f]++$")


def places(frames: Iterable[RawFrame]) -> list[Place]:
    """Return the places of frames in their order, recursion made one: a place or a cycle of up to four."""
    return _once([_place(frame) for frame in frames])


def _place(frame: RawFrame) -> Place:
    layer, why = _layer(frame)
    return Place(_module(frame), _function(frame), layer, why, frame.platform is Platform.NATIVE)


def _layer(frame: RawFrame) -> tuple[Layer, str]:  # noqa: PLR0911 - one line for each answer
    if frame.in_app is not None:
        return (Layer.OWN, "marked in-app") if frame.in_app else (Layer.LIBRARY, "marked not in-app")
    plumbing, function = _PLUMBING.get(frame.platform), _PLUMBING_FUNCTION.get(frame.platform)
    if plumbing is not None and plumbing.search(frame.file.replace("\\", "/")):
        return Layer.PLUMBING, "part of the language or its runtime"
    if function is not None and function.search(frame.function):
        return Layer.PLUMBING, "part of the language or its runtime"
    if frame.platform is Platform.PYTHON and frame.file.startswith("<"):
        return Layer.PLUMBING, "not in a file"
    if _LIBRARY.search(frame.file.replace("\\", "/")):
        return Layer.LIBRARY, "in a folder of libraries"
    if frame.platform is Platform.JAVA and _JAVA_LIBRARY.search(frame.file):
        return Layer.LIBRARY, "in a package of a known library"
    return Layer.OWN, "the service's own"


def _module(frame: RawFrame) -> str:
    match frame.platform:
        case Platform.JAVA | Platform.DOTNET:
            return (
                _JAVA_GENERATED.sub("$", frame.file).rstrip("$")
                if "$" in frame.file or "Accessor" in frame.file
                else frame.file
            )
        case Platform.GO:
            # The function's name holds the package.
            return _VERSION.sub("", frame.file).rpartition("/")[2]
        case Platform.NATIVE:
            name = frame.file.rpartition("/")[2]
            return "" if ".so" in name or "." not in name else name
        case Platform.JAVASCRIPT:
            return _script(frame.file)
        case _:
            return _path(frame.file)


def _path(file: str) -> str:
    """Keep the last two parts: `/srv/releases/42/uploads/bucket.py` is `uploads/bucket.py` in every release."""
    parts = [part for part in file.replace("\\", "/").split("/") if part]
    return "/".join(_VERSION.sub("", part) for part in parts[-2:])


def _script(file: str) -> str:
    if file in ("<anonymous>", "native", "<eval>") or "[native code]" in file:
        return "<native>"
    plain = file.removeprefix("async ").partition("?")[0].partition("#")[0].replace("\\", "/")
    if "://" in plain:
        # Whatever host and prefix serves it.
        scheme, _, rest = plain.partition("://")
        plain = rest.partition("/")[2] if scheme.startswith("http") else rest
    plain = "/".join([part for part in plain.split("/") if part not in ("", ".", "(rsc)", "(ssr)")][-2:])
    head, slash, name = plain.rpartition("/")
    name = _CHUNK_NUMBER.sub("chunk", _BUILD_HASH.sub("", name))
    return f"{_BUILD_HASH.sub('', head + '.').rstrip('.')}{slash}{name}"


def _function(frame: RawFrame) -> str:
    name = frame.function.strip()
    match frame.platform:
        case Platform.JAVASCRIPT:
            name = _script_function(name)
        case Platform.PYTHON:
            name = name.rpartition("<locals>.")[2].rpartition(".")[2] if "<" not in name.rpartition(".")[2] else name
        case Platform.JAVA:
            found = _JAVA_LAMBDA.match(name)
            name = next((group for group in found.groups() if group), "<lambda>") if found else name
        case Platform.DOTNET:
            name = _DIGITS.sub("", name.partition("`")[0]) if "<" in name else name
        case Platform.RUBY:
            name = _RUBY_BLOCK.sub("", name).rpartition("#")[2]
        case Platform.GO:
            name = _GO_CLOSURE.sub("", _VERSION.sub("", name)).replace("[...]", "")
        case Platform.PHP:
            name = "{closure}" if "{closure" in name else name.replace("::", "->")
        case Platform.NATIVE:
            name = _native_function(name)
        case _:
            pass
    return name or "<anonymous>"


def _script_function(name: str) -> str:
    name = name.partition(" [as ")[0]
    for prefix in ("async ", "new ", "async*", "Object.", "Function.", "Module.", "exports.", "window.", "global code"):
        name = name.removeprefix(prefix)
    name = name.removesuffix("/<").removesuffix("</<").rstrip("</*").removesuffix(".<computed>")
    return (
        "" if name in ("anonymous", "<anonymous>", "eval", "?", "module code", "eval code") else name.rpartition("/")[2]
    )


def _native_function(name: str) -> str:
    name = _RUST_HASH.sub("", _NATIVE_CLONE.sub("", name.strip()))
    if _ADDRESS.match(name):
        return "??"
    return _without_templates(name).removeprefix("*__GI_").removeprefix("__GI_")


def _without_templates(name: str) -> str:
    """Drop `<…>`: `map<int, A>::at` is `map::at`. Operators keep their sign."""
    if (
        "<" not in name
        or name.startswith("<signal")
        or "operator<" in name
        or "operator>" in name
        or "operator-" in name
    ):
        return name
    if name.startswith("<"):
        # Rust: `<album::Put as store::Write>::run`.
        return name.replace("<", "").replace(">", "").partition(" as ")[0] + "::" + name.rpartition("::")[2]
    kept: list[str] = []
    depth = 0
    for sign in name:
        if sign == "<":
            depth += 1
        elif sign == ">" and depth:
            depth -= 1
        elif not depth:
            kept.append(sign)
    return "".join(kept)


LONGEST_CYCLE = 4


def _once(found: Sequence[Place]) -> list[Place]:
    """Leave out what repeats what stands before it: however deep a recursion went, it is one."""
    kept: list[Place] = []
    at = 0
    while at < len(found):
        length = _repeats(kept, found, at)
        if length:
            at += length
            continue
        kept.append(found[at])
        at += 1
    return kept


def _repeats(kept: Sequence[Place], found: Sequence[Place], at: int) -> int:
    for length in range(1, LONGEST_CYCLE + 1):
        if len(kept) >= length and list(found[at : at + length]) == list(kept[-length:]):
            return length
    return 0
