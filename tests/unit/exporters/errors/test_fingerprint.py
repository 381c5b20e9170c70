"""Which reports are one error, and the reason that is given. Versions that were released are frozen."""

from dataclasses import replace

from exporters.errors.cleaning import CleanReport, clean
from exporters.errors.contract import ErrorReport
from exporters.errors.fingerprint import Fingerprint, Grouping, fingerprint
from exporters.errors.rules import GroupingRule
from exporters.errors.version1 import key_v1
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
    assert one.reason is Grouping.LIBRARY_FRAMES
    assert one.key != other.key


def test_a_stack_in_no_known_form_is_said_so() -> None:
    assert fingerprint(report("it broke")).reason is Grouping.MESSAGE_WITHOUT_FRAMES


def test_secrets_do_not_split_a_group() -> None:
    texts = [f"login of {name}@mail.example failed: token={name * 9}1" for name in ("priya", "tom")]
    assert len({fingerprint(report(message=text)).key for text in texts}) == 1


def test_it_tells_why() -> None:
    one = fingerprint(report(stack()))
    told = one.as_json()
    assert (told["version"], told["reason"]) == ("v2", "in_app_frames")
    assert told["basis"] == [
        *("photos", "StorageTimeout"),
        *("put in uploads/bucket.py", "store in uploads/service.py", "upload in app/views.py"),
    ]
    assert [frame["contributes"] for frame in one.explained["frames"]] == [True, True, True]
    assert (one.culprit, one.title) == ("put in uploads/bucket.py", "StorageTimeout: no answer")


def test_it_tells_why_a_frame_does_not_count() -> None:
    [frame] = fingerprint(report(LIBRARY)).explained["frames"]
    assert (frame["contributes"], frame["why"].endswith("(in a folder of libraries)")) == (True, True)
    told = fingerprint(report(stack() + LIBRARY)).explained["frames"]
    assert {frame["why"] for frame in told if not frame["contributes"]} == {"in a folder of libraries"}


def test_the_client_s_fingerprint_comes_first() -> None:
    def named(stack_: str, *parts: str) -> Fingerprint:
        return fingerprint(replace(report(stack_), extra={"fingerprint": list(parts)}))

    one = named(stack(), "payment provider")
    assert one.reason is Grouping.CLIENT_FINGERPRINT
    assert named(stack(view="retry"), "payment provider").key == one.key
    assert named(stack(), "{{ default }}").key == fingerprint(report(stack())).key
    usual = named(stack(), "{{ default }}", "eu")
    assert usual.key not in {named(stack(), "{{default}}", "us").key, fingerprint(report(stack())).key}


def test_a_rule_decides_what_is_one() -> None:
    rules = [GroupingRule("storage", type="Storage*", fingerprint=("storage",))]
    one, other = (fingerprint(report(stack(view=view)), rules) for view in ("upload", "retry"))
    assert (one.key, one.reason, one.as_json()["rule"]) == (other.key, Grouping.RULE, "storage")
    assert fingerprint(report(stack(), error_type="DiskFull"), rules).reason is Grouping.IN_APP_FRAMES


def test_a_rule_says_whose_code_a_frame_is() -> None:
    rules = [GroupingRule("bucket is bought", path="uploads/bucket.py", app=False)]
    assert fingerprint(report(stack()), rules).culprit == "store in uploads/service.py"


def test_version_1_does_not_change() -> None:
    """Its keys stand for groups that are stored: without them every one of those would be opened anew."""
    assert key_v1(report(stack())) == "v1:2e04e94f5567264cec3c9d7b276e01a6"
    assert key_v1(report(message="photo 812 is gone")) == "v1:bf548328cde250250ed53528eeef503c"


def test_a_title_is_one_bounded_line() -> None:
    title = fingerprint(report(message="\n  a" + "b" * 500 + "\nc")).title
    assert len(title) == 200
    assert title.endswith("b…")
    assert fingerprint(replace(report(), message="")).title == "StorageTimeout"
