"""The link in a page: looking changes nothing, the button acknowledges once, and nobody else's link does."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from werkzeug.test import TestResponse

from tests.cast import SATURDAY
from tests.receiver import Desk, open_desk
from webhook_receiver.notify.channels import ChannelError, Envelope

UPLOADS_DOWN = {
    "title": "Couples cannot upload <photos>",
    "service": "photos",
    "type": "service_failure",
    "affects": ["photo_upload"],
    "region": "london",
}


@pytest.fixture
def desk(tmp_path: Path, database_url: str) -> Iterator[Desk]:
    with open_desk(tmp_path, database_url, SATURDAY, {}) as opened:
        opened.post("/incidents", UPLOADS_DOWN)
        opened.turn()
        yield opened


def links_of(desk: Desk, person: str = "noor") -> list[str]:
    """The paths of the links that somebody's pager was handed, oldest first."""
    urls = [one.acknowledge_url for one in desk.pager.envelopes if one.person == person]
    return [urlsplit(url).path for url in urls if url is not None]


def ask(desk: Desk, method: str, path: str) -> TestResponse:
    return desk.receiver.app.test_client().open(path, method=method)


def status_of(desk: Desk) -> tuple[str, str | None]:
    incident = desk.get("/incidents/1")
    return incident["status"], incident["acknowledged_by"]


def counted(desk: Desk, outcome: str) -> float | None:
    return desk.metric("wedsync_acknowledge_links_total", outcome=outcome)


def test_looking_changes_nothing_however_often_a_preview_looks(desk: Desk) -> None:
    (link,) = links_of(desk)
    for method in ("GET", "HEAD", "GET"):
        answer = ask(desk, method, link)
        assert answer.status_code == 200
    page = ask(desk, "GET", link).text

    assert "Couples cannot upload &lt;photos&gt; (london)" in page
    assert '<form method="post"><button>Acknowledge</button></form>' in page
    assert "<script" not in page
    assert status_of(desk) == ("open", None)


def test_the_button_acknowledges_as_the_person_the_page_went_to(desk: Desk) -> None:
    (link,) = links_of(desk, "ines")
    answer = ask(desk, "POST", link)

    assert answer.status_code == 200
    assert "You have it." in answer.text
    assert status_of(desk) == ("investigating", "ines")
    assert counted(desk, "acknowledged") == 1
    desk.pager.forget()
    desk.pass_minutes(6)
    assert desk.pager.people() == [], "the escalation has stopped"


def test_a_link_works_once_and_the_other_persons_still_does(desk: Desk) -> None:
    (link,), (other,) = links_of(desk), links_of(desk, "ines")
    ask(desk, "POST", link)

    for method in ("GET", "POST"):
        answer = ask(desk, method, link)
        assert answer.status_code == 409
        assert "This link has been used." in answer.text
    assert "noor acknowledged it at 2026-06-13 14:00 UTC." in ask(desk, "GET", other).text
    assert ask(desk, "POST", other).status_code == 200


def test_a_page_sent_again_carries_a_link_that_is_used_with_the_first(desk: Desk) -> None:
    """The link's number is the page's: whichever copy is pressed, both are used."""
    desk.pager.forget()

    def in_doubt(envelope: Envelope) -> None:
        desk.pager.envelopes.append(envelope)
        raise ChannelError("no answer within 8 s", permanent=False, unknown=True)

    desk.pager.answer = in_doubt
    desk.post("/incidents", UPLOADS_DOWN)
    desk.turn()
    desk.pager.answer = lambda _envelope: None
    desk.pass_minutes(0.2)
    first, again = links_of(desk)

    assert ask(desk, "POST", first).status_code == 200
    assert ask(desk, "POST", again).status_code == 409


def test_a_link_expires(desk: Desk) -> None:
    (link,) = links_of(desk)
    desk.clock.advance(timedelta(hours=12))

    answer = ask(desk, "POST", link)
    assert answer.status_code == 410
    assert "This link has expired." in answer.text
    assert status_of(desk) == ("open", None)


def test_a_link_of_an_earlier_round_sends_to_the_newer_page(desk: Desk) -> None:
    (old, *_) = links_of(desk)
    desk.post("/incidents/1/acknowledge", {"by": "ines"})
    desk.pass_minutes(31)
    newer = links_of(desk)[-1]
    assert newer != old

    answer = ask(desk, "POST", old)
    assert answer.status_code == 410
    assert "There is a newer page." in answer.text
    assert status_of(desk)[0] == "open"
    assert ask(desk, "POST", newer).status_code == 200


def test_what_is_over_says_so(desk: Desk) -> None:
    (link,) = links_of(desk)
    desk.post("/incidents/1/resolve", {"by": "ines"})

    answer = ask(desk, "POST", link)
    assert answer.status_code == 409
    assert "It is over." in answer.text


@pytest.mark.parametrize("path", ["/a/x", "/a/x.y", "/a/" + "a" * 5000, "/a/%00.%ff", "/a/é.é"])
def test_a_guess_is_no_link_and_is_counted(desk: Desk, path: str) -> None:
    for method in ("GET", "POST"):
        answer = ask(desk, method, path)
        assert answer.status_code == 404
        assert "This is not a link of ours." in answer.text
    assert counted(desk, "forged") == 2


def test_a_link_signed_with_a_key_that_is_no_more_is_a_guess(desk: Desk, tmp_path: Path) -> None:
    (link,) = links_of(desk)
    key = tmp_path / "secrets" / "acknowledge_link_key"
    key.write_text(f"a-newer-key-of-the-tests\n{key.read_text()}\n")
    assert ask(desk, "GET", link).status_code == 200, "both are live while one replaces the other"
    key.write_text("a-newer-key-of-the-tests\n")
    assert ask(desk, "GET", link).status_code == 404


def test_without_its_key_a_page_goes_out_without_a_link(desk: Desk, tmp_path: Path) -> None:
    (link,) = links_of(desk)
    (tmp_path / "secrets" / "acknowledge_link_key").unlink()
    desk.pager.forget()
    desk.post("/incidents", UPLOADS_DOWN)
    desk.turn()

    assert desk.pager.people() == ["ines", "noor"]
    assert links_of(desk) == []
    assert ask(desk, "POST", link).status_code == 503


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_can_load_nothing_and_be_framed_by_nobody(desk: Desk, method: str) -> None:
    for path in (links_of(desk)[0], "/a/guess"):
        headers = ask(desk, method, path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"


def test_a_link_is_nowhere_but_in_the_message(desk: Desk) -> None:
    (link,) = links_of(desk)
    token = link.removeprefix("/a/")

    assert token not in str(desk.get("/incidents/1"))
    assert token not in repr(desk.pager.envelopes[0])
    with desk.receiver.database.read() as transaction:
        stored = transaction.exec_driver_sql("SELECT * FROM notifications").all()
    assert token not in str(stored)


def test_a_message_about_several_has_a_link_for_each(desk: Desk) -> None:
    desk.pager.forget()
    for number in range(5):
        desk.post("/incidents", {**UPLOADS_DOWN, "title": f"Uploads fail {number}"})
    desk.turn()

    (message,) = [one for one in desk.pager.envelopes if one.person == "noor"]
    assert message.acknowledge_url is None
    assert set(message.links) == {one.incident_id for one in message.page.incidents}
    text = message.text()
    assert [line.split(":")[0] for line in text.splitlines() if line.startswith("Acknowledge")] == [
        "Acknowledge #2",
        "Acknowledge #3",
        "Acknowledge #4",
    ]
    assert ask(desk, "POST", urlsplit(message.links["4"]).path).status_code == 200
    assert desk.get("/incidents/4")["acknowledged_by"] == "noor"
    assert desk.get("/incidents/3")["acknowledged_by"] is None


def test_where_links_are_not_wanted_there_are_none(tmp_path: Path, database_url: str) -> None:
    with open_desk(tmp_path, database_url, SATURDAY, {"WEDSYNC__ACKNOWLEDGE_LINKS": "null"}) as desk:
        desk.post("/incidents", UPLOADS_DOWN)
        desk.turn()

        assert links_of(desk) == []
        assert ask(desk, "GET", "/a/x.y").status_code == 404
