"""What waits in a storm: urgent first, each in the order it came, nothing lost when it cannot be processed now."""

from webhook_receiver.alerts.backlog import Backlog


def drained(backlog: Backlog[str, str]) -> list[str]:
    told = []
    while pieces := backlog.take():
        told += [alert for piece in pieces for alert in piece.alerts]
        backlog.done()
    return told


def test_urgent_alerts_of_later_messages_come_first() -> None:
    backlog = Backlog[str, str](per_piece=2)
    backlog.add(1, "", [], ["a", "b", "c"])
    backlog.add(2, "", ["D"], ["e"])

    assert backlog.alerts == 5
    assert drained(backlog) == ["D", "a", "b", "c", "e"]
    assert not backlog.busy


def test_short_messages_share_a_transaction_and_long_ones_are_cut() -> None:
    backlog = Backlog[str, str](per_piece=3)
    for number, alert in enumerate("abcd"):
        backlog.add(number, "", [], [alert])
    backlog.add(9, "", [], list("efghi"))

    taken = []
    while pieces := backlog.take():
        taken.append(["".join(piece.alerts) for piece in pieces])
        backlog.done()

    assert taken == [["a", "b", "c"], ["d"], ["efg"], ["hi"]]


def test_a_message_without_alerts_has_its_turn_too() -> None:
    backlog = Backlog[str, str](per_piece=3)
    backlog.add(1, "unreadable", [], [])

    (piece,) = backlog.take()

    assert (piece.of.message, list(piece.alerts), piece.of.pieces_left) == ("unreadable", [], 1)


def test_what_could_not_be_processed_comes_first_again() -> None:
    backlog = Backlog[str, str](per_piece=2)
    backlog.add(1, "", ["A", "B", "C"], ["d"])
    backlog.take()
    assert backlog.busy

    backlog.put_back()

    assert backlog.alerts == 4
    assert drained(backlog) == ["A", "B", "C", "d"]


def test_once_one_finds_no_room_all_later_ones_stay_in_the_inbox() -> None:
    backlog = Backlog[str, str](per_piece=2, most=3)
    backlog.add(1, "", [], ["a", "b"])
    backlog.add(2, "", [], ["c", "d"])
    backlog.add(3, "", [], ["e"])

    assert drained(backlog) == ["a", "b"]
    assert backlog.busy, "what comes now must not overtake what is in the inbox"

    backlog.caught_up()
    backlog.add(4, "", [], ["f"])
    assert drained(backlog) == ["f"]
    assert not backlog.busy


def test_it_knows_which_messages_hold_something_urgent() -> None:
    backlog = Backlog[str, str](per_piece=1)
    backlog.add(1, "first", ["A", "B"], ["c"])
    backlog.add(2, "second", [], ["d"])
    backlog.add(3, "third", ["E"], [])
    backlog.take()

    assert backlog.urgent() == ["first", "third"]


def test_a_larger_transaction_takes_many_pieces_but_suspects_go_a_piece_at_a_time() -> None:
    """What a dead process left over may be what killed it: a kill must leave few messages under suspicion."""
    backlog = Backlog[str, str](per_piece=2)
    for number, alert in enumerate("abcdefg"):
        backlog.add(number, "", [], [alert])
    for number, alert in enumerate("xyz"):
        backlog.add(10 + number, "", [], [alert], uncounted=True)

    taken = []
    while pieces := backlog.take(5):
        taken.append("".join(alert for piece in pieces for alert in piece.alerts))
        backlog.done()

    assert taken == ["abcde", "fg", "xy", "z"]
