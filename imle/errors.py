"""`Refusal`: what bad input gets. Its message is one sentence that says what is wrong and what would be right."""


class Refusal(Exception):
    """Base of every error meant for the person who gave the input; the shell and the pages show it as it is."""


class BadChoice(Refusal, ValueError):
    """A name or setting that is not among those offered; the message names them."""
