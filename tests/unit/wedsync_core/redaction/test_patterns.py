"""The law that keeps every pattern linear, checked on the patterns themselves."""

import re
import re._constants as sre  # type: ignore[import-not-found] # the parser has no public name
import re._parser as sre_parser  # type: ignore[import-not-found]
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from wedsync_core.redaction import keys, numbers, pairs, values

MODULES: tuple[ModuleType, ...] = (keys, numbers, pairs, values)
LARGEST_PRODUCT = 600
"""Repeats that may give back are bounded, and so is the product of nested ones: the factor of the worst case."""


def _patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    for module in MODULES:
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern):
                yield f"{module.__name__}.{name}", value
            elif isinstance(value, dict):
                yield from ((f"{name}[{key}]", one) for key, one in value.items() if isinstance(one, re.Pattern))
    for rule in values.SHAPE_RULES:
        for cell in rule.replace.__closure__ or () if hasattr(rule.replace, "__closure__") else ():
            if isinstance(cell.cell_contents, re.Pattern):
                yield rule.name, cell.cell_contents


PATTERNS = dict(_patterns())


def _broken_laws(parsed: Any, inside: int) -> Iterator[str]:
    """Walk a parsed pattern. `inside` is the bound of the repeat around this place that can give back; 1 if none."""
    for operation, argument in parsed:
        if operation in {sre.MAX_REPEAT, sre.MIN_REPEAT}:
            yield from _broken_repeat(argument, inside)
        elif operation is sre.POSSESSIVE_REPEAT:
            yield from _broken_laws(argument[2], 1)
        elif operation is sre.BRANCH:
            for branch in argument[1]:
                yield from _broken_laws(branch, inside)
        elif operation in _HOLDS_ANOTHER:
            place, inherits = _HOLDS_ANOTHER[operation]
            yield from _broken_laws(argument if place is None else argument[place], inside if inherits else 1)


def _broken_repeat(argument: Any, inside: int) -> Iterator[str]:
    _least, most, body = argument
    if most == sre.MAXREPEAT:
        yield "an unbounded repeat that can give back"
    elif inside * int(most) > LARGEST_PRODUCT:
        yield f"repeats multiply to {inside * int(most)}"
    yield from _broken_laws(body, inside * (1 if most == sre.MAXREPEAT else max(int(most), 1)))


# What may hold another pattern: where it keeps it, and whether a repeat around it reaches inside.
_HOLDS_ANOTHER = {
    sre.SUBPATTERN: (3, True),
    sre.ASSERT: (1, False),
    sre.ASSERT_NOT: (1, False),
    sre.ATOMIC_GROUP: (None, False),
}


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
def test_no_pattern_can_go_back_without_bound(pattern: re.Pattern[str]) -> None:
    parsed = sre_parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    assert list(_broken_laws(parsed, 1)) == []


def test_the_check_can_fail() -> None:
    assert list(_broken_laws(sre_parser.parse(r"(a+)+b"), 1))
    assert list(_broken_laws(sre_parser.parse(r"(?:a{1,500}){1,500}b"), 1))


def test_every_pattern_was_found() -> None:
    assert len(PATTERNS) >= 25
    assert {"bearer", "jwt", "email", "phone", "vendor_key"} <= PATTERNS.keys()
