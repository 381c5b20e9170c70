"""A lock in the order of asking."""

import threading

from tests.waiting import wait_until
from wedsync_core.storage.turns import Turns


def test_waiters_get_it_in_the_order_they_came() -> None:
    turns, order = Turns(), []
    assert turns.acquire()

    def wait(name: str) -> None:
        assert turns.acquire(10)
        order.append(name)
        turns.release()

    threads = []
    for count, name in enumerate("abcde", start=1):
        thread = threading.Thread(target=wait, args=(name,))
        thread.start()
        threads.append(thread)
        wait_until(lambda count=count: len(turns._waiting) == count)  # type: ignore[misc]
    turns.release()
    for thread in threads:
        thread.join(10)

    assert order == list("abcde")
    assert turns.acquire(0.01)


def test_patience_ends_and_costs_nobody_a_turn() -> None:
    turns = Turns()
    assert turns.acquire()
    assert not turns.acquire(0.01)
    turns.release()

    assert turns.acquire(0.01)
    assert not turns.acquire(0.01)
