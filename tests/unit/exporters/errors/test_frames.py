"""Frames out of stack traces as the languages print them."""

import pytest

from exporters.errors.frames import read_frames

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

STACKS = {
    "python, the crash first": (PYTHON, ["put in uploads/bucket.py", "upload in app/views.py"]),
    "python with a cause: the error itself": (CHAINED, ["put in uploads/bucket.py", "upload in app/views.py"]),
    "v8": (V8, ["uploadPhoto in assets/main.js", "<anonymous> in assets/album.js", "Album in src/album.ts"]),
    "gecko": (
        GECKO,
        ["uploadPhoto in assets/main.js", "render in assets/album.js", "<anonymous> in assets/boot.js"],
    ),
    "java, without its cause": (
        JAVA,
        ["reserve in com.wedsync.booking.BookingService", "handle in com.wedsync.web.Handler$1"],
    ),
    "none that is known": ("it broke\nsomewhere", []),
    "empty": ("", []),
}


@pytest.mark.parametrize(("stack", "expected"), STACKS.values(), ids=STACKS.keys())
def test_the_service_s_own_frames(stack: str, expected: list[str]) -> None:
    assert [str(frame) for frame in read_frames(stack) if frame.in_app] == expected


def test_recursion_is_one_place() -> None:
    frame = '  File "/srv/app/tree.py", line 3, in walk\n    walk(node)\n'
    assert [str(one) for one in read_frames("Traceback\n" + frame * 900)] == ["walk in app/tree.py"]


def test_a_hostile_stack_ends() -> None:
    for stack in ("    at " * 20_000, "@" * 60_000, "at (((((((" * 6_000, '  File "' * 8_000, "\n" * 60_000):
        assert list(read_frames(stack)) == []
