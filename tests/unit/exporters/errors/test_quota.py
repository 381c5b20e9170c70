"""Quotas by the minute."""

from exporters.errors.quota import Full, Over, Source, Windows, rate_limits

WEB = Source(Over.PROJECT, "web")
BOOKING = Source(Over.SERVICE, "booking")


def test_a_minute_ends() -> None:
    windows = Windows({Over.PROJECT: 10, Over.SERVICE: 10}, reserved=0.0)
    assert windows.take({WEB: 10}, 15.0, grave=False) is None
    assert windows.take({WEB: 1}, 15.0, grave=False) == Full(Over.PROJECT, 45)
    assert windows.full(WEB, 59.5) == Full(Over.PROJECT, 1)
    assert windows.full(WEB, 60.0) is None
    assert windows.take({WEB: 1}, 60.0, grave=False) is None


def test_what_is_grave_finds_room_that_is_kept_for_it() -> None:
    windows = Windows({Over.PROJECT: 10, Over.SERVICE: 10}, reserved=0.2)
    assert windows.take({WEB: 8}, 0.0, grave=False) is None
    assert windows.take({WEB: 1}, 0.0, grave=False) is not None
    assert windows.take({WEB: 2}, 0.0, grave=True) is None
    assert windows.take({WEB: 1}, 0.0, grave=True) is not None


def test_all_or_none_is_counted() -> None:
    windows = Windows({Over.PROJECT: 10, Over.SERVICE: 5}, reserved=0.0)
    windows.take({BOOKING: 5}, 0.0, grave=False)
    assert windows.take({WEB: 3, BOOKING: 1}, 0.0, grave=False) == Full(Over.SERVICE, 60)
    assert windows.take({WEB: 10}, 0.0, grave=False) is None


def test_a_batch_larger_than_the_quota_is_not_refused_for_ever() -> None:
    windows = Windows({Over.PROJECT: 10}, reserved=0.0)
    assert windows.take({WEB: 50}, 0.0, grave=False) is None
    assert windows.take({WEB: 1}, 0.0, grave=False) is not None


def test_the_header_of_the_sdks() -> None:
    assert rate_limits(Full(Over.PROJECT, 30)) == "30:error;default:project:quota"
    assert rate_limits(Full(Over.DISK, 30)) == "30::organization:disk"
