"""The whole stack, for the stories that need it."""

from tests.whole_stack import whole_stack

__all__ = ["whole_stack"]
