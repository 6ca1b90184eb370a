"""Why nothing usable came back, as in the contract's `extract-error`. The case
drives the host's policy, the message only explains it. Raise what these
functions return."""

from wit_world.imports import types

# Enough to find the place in a page, too little to carry a page.
MAX_MESSAGE = 200

Reason = types.BlockReason


class ExtractError(Exception):
    """Raised by everything here; `case` is the contract's value."""

    def __init__(self, case):
        super().__init__(case)
        self.case = case


def not_found():
    """The site works and has no such event, or it is not live yet."""
    return ExtractError(types.ExtractError_NotFound())


def layout_changed(place):
    """The page no longer has the expected shape there: the plugin needs a fix."""
    return ExtractError(types.ExtractError_LayoutChanged(_cut(place)))


def blocked(reason):
    return ExtractError(types.ExtractError_Blocked(reason))


def rate_limited(wait=None):
    """Come back later, in milliseconds where the site said when."""
    return ExtractError(types.ExtractError_RateLimited(wait))


def network(why):
    return ExtractError(types.ExtractError_Network(_cut(why)))


def bad_config(what):
    """The operator's settings for this site are missing or wrong."""
    return ExtractError(types.ExtractError_BadConfig(_cut(what)))


def only_protected():
    """Only protected media was found."""
    return ExtractError(types.ExtractError_Protected())


def other(why):
    return ExtractError(types.ExtractError_Other(_cut(why)))


def _cut(message):
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "…"
