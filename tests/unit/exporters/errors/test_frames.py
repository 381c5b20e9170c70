"""Frames out of stack traces as the languages print them."""

import pytest

from exporters.errors.places import Layer, places
from exporters.errors.stacks import read_stack

PYTHON = """Traceback (most recent call last):
  File "/srv/releases/42/app/views.py", line 31, in upload
    store(photo)
  File "/srv/releases/42/uploads/bucket.py", line 88, in put
    raise StorageTimeout(key)
  File "/usr/lib/python3.11/site-packages/botocore/client.py", line 5, in _api_call
    return self._make()
uploads.StorageTimeout: no answer
"""
CHAINED = (
    """Traceback (most recent call last):
  File "/srv/app/socket.py", line 1, in connect
    raise ConnectionError
ConnectionError

The above exception was the direct cause of the following exception:

"""
    + PYTHON
)
V8 = """TypeError: Cannot read properties of undefined (reading 'id')
    at Object.uploadPhoto (https://app.wedsync.example/assets/main-4f2a9c81.js:10:5123)
    at async Promise.all (index 0)
    at https://app.wedsync.example/assets/album.js:1:20
    at new Album (webpack-internal:///./src/album.ts:3:9)
    at commitRoot (https://app.wedsync.example/node_modules/react-dom/index.js:1:2)
"""
GECKO = """uploadPhoto@https://app.wedsync.example/assets/main.js:10:5123
render/<@https://app.wedsync.example/assets/album.js:1:20
@https://app.wedsync.example/assets/boot.js:1:1
"""
JAVA = """java.lang.IllegalStateException: slot taken
\tat com.wedsync.booking.BookingService.reserve(BookingService.java:142)
\tat app//com.wedsync.web.Handler$1.handle(Handler.java:9)
\tat org.springframework.web.Dispatcher.doDispatch(Dispatcher.java:1)
\t... 23 more
Caused by: java.sql.SQLException: deadlock
\tat com.wedsync.db.Pool.take(Pool.java:7)
"""

GO = """panic: runtime error: index out of range

goroutine 1 [running]:
runtime.panicIndex(...)
\t/usr/local/go/src/runtime/panic.go:88 +0x1d
github.com/wedsync/photos/store.(*Bucket).Put.func1(0xc000, 0x1)
\t/build/store/bucket.go:42 +0x1d
github.com/lib/pq@v1.10.2/x.(*conn).exec(0x1)
\t/go/pkg/mod/github.com/lib/pq@v1.10.2/conn.go:42 +0x1d
main.main()
\t/build/main.go:4 +0x1d
created by main.x in goroutine 1
\t/build/main.go:2 +0x1
"""
RUBY = """app/models/album.rb:12:in `block (2 levels) in store': boom (RuntimeError)
\tfrom /usr/lib/ruby/3.0.0/net/http.rb:12:in `start'
\tfrom /var/lib/gems/3.0/gems/rack-2.2/lib/rack.rb:3:in `call'
\tfrom app/controllers/albums.rb:1:in 'Albums#show'
"""
PHP = """PHP Fatal error:  Uncaught Exception: boom in /var/www/app/Album.php:12
Stack trace:
#0 /var/www/app/Controller.php(12): App\\Album->store('x', Array)
#1 [internal function]: App\\{closure}(1)
#2 /var/www/vendor/laravel/framework/x.php(3): call_user_func(Object(Closure))
#3 {main}
"""
GDB = """#0  0x00007ffff7a42428 in __GI_raise (sig=6) at ../sysdeps/unix/sysv/linux/raise.c:54
#1  0x00007ffff7a4402a in abort () from /lib/x86_64-linux-gnu/libc.so.6
#2  <signal handler called>
#3  Album::map<int, std::allocator<int> >::at (this=0x0, n=5) at album.h:12
#4  thumbnail_show.part.3 (w=0x0) at thumbnail.c:123
#5  0x0000 in ?? () from /usr/lib/libx.so.3
#0  0x0000 in other_thread ()
"""
JAVA_GENERATED = """java.lang.IllegalStateException: slot taken
\tat com.wedsync.Album.lambda$store$12(Album.java:3)
\tat com.wedsync.Album$$EnhancerBySpringCGLIB$$1a2b3c.put(<generated>)
\tat sun.reflect.GeneratedMethodAccessor123.invoke(Unknown Source)
\tat com.sun.proxy.$Proxy45.find(Unknown Source)
\tSuppressed: java.io.IOException: close
\t\tat com.wedsync.X.close(X.java:1)
\t\t... 2 more
"""
STACKS = {
    "python, the crash first": (PYTHON, ["put in uploads/bucket.py", "upload in app/views.py"]),
    "python, the first cause first": (
        CHAINED,
        ["connect in app/socket.py", "put in uploads/bucket.py", "upload in app/views.py"],
    ),
    "v8": (V8, ["uploadPhoto in assets/main.js", "<anonymous> in assets/album.js", "Album in src/album.ts"]),
    "gecko": (
        GECKO,
        ["uploadPhoto in assets/main.js", "render in assets/album.js", "<anonymous> in assets/boot.js"],
    ),
    "java, the first cause first": (
        JAVA,
        [
            "take in com.wedsync.db.Pool",
            "reserve in com.wedsync.booking.BookingService",
            "handle in com.wedsync.web.Handler",
        ],
    ),
    "java, generated": (JAVA_GENERATED, ["store in com.wedsync.Album", "put in com.wedsync.Album"]),
    "go": (GO, ["github.com/wedsync/photos/store.(*Bucket).Put in bucket.go", "main.main in main.go"]),
    "ruby": (RUBY, ["store in models/album.rb", "show in controllers/albums.rb"]),
    "php": (PHP, ["App\\Album->store in app/Controller.php"]),
    "gdb, the first thread": (GDB, ["Album::map::at in album.h", "thumbnail_show in thumbnail.c"]),
    "none that is known": ("it broke\nsomewhere", []),
    "empty": ("", []),
}


@pytest.mark.parametrize(("stack", "expected"), STACKS.values(), ids=STACKS.keys())
def test_the_service_s_own_frames(stack: str, expected: list[str]) -> None:
    found = places(read_stack(stack).frames)
    assert [str(place) for place in found if place.layer is Layer.OWN] == expected


@pytest.mark.parametrize("lines", [["walk"] * 500, ["walk", "step"] * 250, ["a", "b", "c", "d"] * 100])
def test_recursion_is_one_place(lines: list[str]) -> None:
    stack = "".join(f'  File "/srv/app/tree.py", line 3, in {name}\n' for name in lines)
    assert len(places(read_stack(stack).frames)) == len(set(lines))


@pytest.mark.parametrize(
    "text",
    ["    at " + "(" * 50_000, "@" * 50_000, '  File "' + "a" * 50_000, "#0 " + "<" * 50_000, "\tat " + "a." * 30_000],
)
def test_a_hostile_stack_is_no_frame(text: str) -> None:
    assert len(read_stack(text + "\n" + text).frames) <= 2
