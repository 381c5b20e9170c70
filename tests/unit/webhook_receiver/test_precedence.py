"""Work behind the answers rests while requests come, never otherwise, and never for long."""

import threading

import pytest

from webhook_receiver.engine.precedence import COMING, LONGEST_REST, Precedence
from wedsync_core.clock import SystemClock

CLOCK = SystemClock()


def rests(precedence: Precedence) -> bool:
    """Whether work of a thousand seconds has to rest at all; it rests as long as there may be, then."""
    began = CLOCK.monotonic()
    precedence.rest(1000.0)
    return CLOCK.monotonic() - began >= LONGEST_REST


def test_nobody_rests_while_nobody_asks() -> None:
    precedence = Precedence(CLOCK)
    assert not precedence.pressed
    precedence.rest(1000.0)


def test_work_rests_while_a_request_is_under_way_and_goes_on_in_the_end() -> None:
    precedence = Precedence(CLOCK)
    with precedence.request():
        assert precedence.pressed
        assert rests(precedence)


def test_after_one_request_nobody_waits_and_after_several_for_a_moment() -> None:
    precedence = Precedence(CLOCK)
    with precedence.request():
        pass
    assert not precedence.pressed
    with precedence.request(), precedence.request():
        pass
    threading.Event().wait(2 * COMING)
    assert not precedence.pressed


def test_a_request_that_failed_is_over_too() -> None:
    precedence = Precedence(CLOCK)
    with pytest.raises(ValueError, match="invalid literal"), precedence.request():
        int("a fault of ours")
    assert not precedence.pressed
