"""Which reports are one error, and the reason that is given. Version 1 is frozen: its keys are written out."""

from dataclasses import replace

from exporters.errors.cleaning import CleanReport, clean
from exporters.errors.contract import ErrorReport
from exporters.errors.fingerprint import Grouping, fingerprint
from tests.cast import SATURDAY

STACK = """Traceback (most recent call last):
  File "/srv/releases/{release}/app/views.py", line {line}, in {view}
    store(photo)
  File "/srv/releases/{release}/uploads/service.py", line {line}, in store
    self.bucket.put(photo)
  File "/srv/releases/{release}/uploads/bucket.py", line {line}, in put
    raise StorageTimeout(key)
uploads.StorageTimeout: no answer
"""
LIBRARY = """Traceback (most recent call last):
  File "/usr/lib/python3.11/site-packages/botocore/client.py", line 5, in _api_call
    return self._make()
X
"""


def report(stack: str = "", message: str = "no answer", **members: str) -> CleanReport:
    body = {"error_type": "StorageTimeout", "level": "api", "service": "photos", "message": message}
    parsed = ErrorReport.model_validate(body | {"stack_trace": stack} | members)
    return clean(parsed, event_id="0" * 32, now=SATURDAY, pseudonym_key=b"k")


def stack(release: int = 42, line: int = 10, view: str = "upload") -> str:
    return STACK.format(release=release, line=line, view=view)


def test_another_release_line_or_message_is_the_same_error() -> None:
    one = fingerprint(report(stack()))
    assert one.reason is Grouping.IN_APP_FRAMES
    assert fingerprint(report(stack(release=43, line=99), message="no answer for photo 7")).key == one.key


def test_another_type_service_or_way_is_another_error() -> None:
    one = fingerprint(report(stack()))
    assert fingerprint(report(stack(), error_type="DiskFull")).key != one.key
    assert fingerprint(report(stack(), service="messaging")).key != one.key
    assert fingerprint(report(stack(view="retry"))).key != one.key


def test_without_a_stack_the_message_s_pattern_decides() -> None:
    one = fingerprint(report(message="photo 812 is gone"))
    assert one.reason is Grouping.MESSAGE_WITHOUT_STACK
    assert fingerprint(report(message="photo 99 is gone")).key == one.key
    assert fingerprint(report(message="photo 99 is late")).key != one.key


def test_library_frames_alone_do_not_merge_what_differs() -> None:
    one, other = fingerprint(report(LIBRARY, "slow down")), fingerprint(report(LIBRARY, "access denied"))
    assert one.reason is Grouping.MESSAGE_WITHOUT_OWN_FRAMES
    assert one.key != other.key


def test_a_stack_in_no_known_form_is_said_so() -> None:
    assert fingerprint(report("it broke")).reason is Grouping.MESSAGE_WITHOUT_FRAMES


def test_secrets_do_not_split_a_group() -> None:
    texts = [f"login of {name}@mail.example failed: token={name * 9}1" for name in ("priya", "tom")]
    assert len({fingerprint(report(message=text)).key for text in texts}) == 1


def test_it_tells_why() -> None:
    one = fingerprint(report(stack()))
    assert one.as_json() == {
        "version": "v1",
        "reason": "in_app_frames",
        "basis": [
            *("photos", "StorageTimeout"),
            *("put in uploads/bucket.py", "store in uploads/service.py", "upload in app/views.py"),
        ],
    }
    assert (one.culprit, one.title) == ("put in uploads/bucket.py", "StorageTimeout: no answer")


def test_version_1_does_not_change() -> None:
    """If this fails, write version 2 beside it: every stored group would be orphaned."""
    assert fingerprint(report(stack())).key == "v1:2e04e94f5567264cec3c9d7b276e01a6"
    assert fingerprint(report(message="photo 812 is gone")).key == "v1:bf548328cde250250ed53528eeef503c"


def test_a_title_is_one_bounded_line() -> None:
    title = fingerprint(report(message="\n  a" + "b" * 500 + "\nc")).title
    assert len(title) == 200
    assert title.endswith("b…")
    assert fingerprint(replace(report(), message="")).title == "StorageTimeout"
