"""How sentences quote what a library says of its own failure."""

import pytest

from imle.errors import LONGEST_QUOTE, brief, conclusion, named


@pytest.mark.parametrize(
    ("error", "first", "last", "whole"),
    [
        (ValueError("first\nlast\n"), "first", "last", "ValueError: first"),
        (AssertionError(), "AssertionError", "AssertionError", "AssertionError"),
        (RuntimeError(" \n"), "RuntimeError", "RuntimeError", "RuntimeError"),
    ],
)
def test_an_error_is_quoted_in_one_line(error, first, last, whole):
    """One without a word ended whoever quoted it in a stack trace."""
    assert (brief(error), conclusion(error), named(error)) == (first, last, whole)


def test_an_error_that_fills_a_page_is_quoted_in_short():
    """Keras was seen to list every weight of a network."""
    assert len(brief(ValueError("x" * 10_000))) == LONGEST_QUOTE
