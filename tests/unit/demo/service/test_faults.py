"""Which requests a fault strikes."""

from typing import Any

import pytest

from demo.service.faults import MOST_FAULTS, FaultBoard, FaultInvalid, FaultOrder, parse_order
from demo.service.settings import REGIONS


def order(**asked: Any) -> FaultOrder:
    return parse_order({"fault": "failing", "workflow": "payment", **asked}, frozenset(REGIONS))


def strikes(board: FaultBoard, requests: int, workflow: str = "payment", region: str = "london") -> int:
    return sum(board.struck("failing", workflow, region, 0.0) is not None for _ in range(requests))


@pytest.mark.parametrize(("share", "expected"), [(1.0, 1000), (0.25, 250), (0.1, 100), (0.001, 1), (0.0, 0)])
def test_exactly_the_share_is_struck(share: float, expected: int) -> None:
    board = FaultBoard()
    board.add(order(share=share), 0.0)
    assert strikes(board, 1000) == expected


def test_strikes_are_spread_evenly() -> None:
    board = FaultBoard()
    board.add(order(share=0.25), 0.0)
    pattern = [board.struck("failing", "payment", "london", 0.0) is not None for _ in range(8)]
    assert pattern == [False, False, False, True] * 2


def test_other_workflows_regions_and_kinds_are_spared() -> None:
    board = FaultBoard()
    board.add(order(region="sydney"), 0.0)
    assert strikes(board, 10, "payment", "london") == 0
    assert strikes(board, 10, "messaging", "sydney") == 0
    assert board.struck("slow", "payment", "sydney", 0.0) is None
    assert strikes(board, 10, "payment", "sydney") == 10


def test_a_fault_without_workflow_or_region_strikes_everything() -> None:
    board = FaultBoard()
    board.add(parse_order({"fault": "failing"}, frozenset(REGIONS)), 0.0)
    assert strikes(board, 5, "timeline", "auckland") == 5


def test_a_fault_ends_when_removed_and_lets_go_of_what_it_holds() -> None:
    board = FaultBoard()
    fault = board.add(order(), 0.0)
    assert not fault.removed.is_set()
    assert board.remove(fault.id)
    assert fault.removed.is_set()
    assert not board.remove(fault.id)
    assert strikes(board, 5) == 0


def test_a_fault_ends_by_itself_when_its_time_is_up() -> None:
    board = FaultBoard()
    fault = board.add(order(for_seconds=30), 100.0)
    assert board.struck("failing", "payment", "london", 129.9) is fault
    assert board.struck("failing", "payment", "london", 130.0) is None
    assert fault.removed.is_set()
    assert board.in_force(130.0) == []


def test_clearing_ends_all() -> None:
    board = FaultBoard()
    for _ in range(3):
        board.add(order(), 0.0)
    assert board.clear() == 3
    assert board.clear() == 0


def test_faults_do_not_pile_up() -> None:
    board = FaultBoard()
    for _ in range(MOST_FAULTS):
        board.add(order(), 0.0)
    with pytest.raises(FaultInvalid, match="remove one"):
        board.add(order(), 0.0)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (None, "JSON object"),
        ([], "JSON object"),
        ({}, "fault must be one of"),
        ({"fault": "explode"}, "fault must be one of"),
        ({"fault": ["slow"]}, "fault must be one of"),
        ({"fault": "slow", "workflow": "catering"}, "workflow must be one of"),
        ({"fault": "slow", "workflow": ["payment"]}, "workflow must be one of"),
        ({"fault": "slow", "region": "atlantis"}, "region must be one of"),
        ({"fault": "slow", "share": 1.5}, "share must be a number from 0 to 1"),
        ({"fault": "slow", "share": True}, "share must be"),
        ({"fault": "slow", "share": float("nan")}, "share must be"),
        ({"fault": "slow", "seconds": "3"}, "seconds must be"),
        ({"fault": "slow", "seconds": 61}, "seconds must be a number from 0 to 60"),
        ({"fault": "slow", "for_seconds": -1}, "for_seconds must be"),
        ({"fault": "slow", "who": "me"}, "no field 'who'"),
        ({"fault": "third_party_down", "workflow": "timeline"}, "acts in the workflow payment only"),
        ({"fault": "data_loss", "workflow": "messaging"}, "acts in the workflow photo_upload only"),
    ],
)
def test_a_fault_that_cannot_be_set_names_its_field(asked: object, named: str) -> None:
    with pytest.raises(FaultInvalid, match=named):
        parse_order(asked, frozenset(REGIONS))
