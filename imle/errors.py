"""`Refusal`: what bad input gets. Its message is one sentence that says what is wrong and what would be right.

Beside it, how a sentence quotes the error of a library, which may say nothing or fill a page.
"""

import errno

LONGEST_QUOTE = 160
# A disk that is full, or a person's share of it, is told of without the file that was being written.
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


class Refusal(Exception):
    """Base of every error meant for the person who gave the input; the shell and the pages show it as it is."""


class BadChoice(Refusal, ValueError):
    """A name or setting that is not among those offered; the message names them."""


def brief(error: BaseException) -> str:
    """The first line of what the error says; its kind where it says nothing."""
    return _lines(error)[0][:LONGEST_QUOTE]


def conclusion(error: BaseException) -> str:
    """The last line of what the error says, where OpenVINO and Ray give the reason; its kind where it says nothing."""
    return _lines(error)[-1][:LONGEST_QUOTE]


def named(error: BaseException) -> str:
    """The error's kind and the first line of what it says."""
    kind, text = type(error).__name__, brief(error)
    return kind if text == kind else f"{kind}: {text}"


def _lines(error: BaseException) -> list[str]:
    return str(error).strip().splitlines() or [type(error).__name__]
