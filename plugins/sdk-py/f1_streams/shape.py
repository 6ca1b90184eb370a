"""JSON of a known shape: what a site or an operator wrote, checked once.

A shape is `str`, `bool`, `int`, `float` or `object` (anything), a `list[...]` of
one, a dataclass of some, or `... | None` for what may be absent or null. What a
dataclass does not name is left out.
"""

import json
import re
from dataclasses import fields, is_dataclass
from typing import get_args, get_origin

# Far more than any page has. The language's own limit does not hold here: deeper
# JSON would use up the call's stack, which is a trap and no exception.
MAX_DEPTH = 500


class Mismatch(Exception):
    """Where a value differs from its shape, as a JSON pointer; "" is the whole."""

    def within(self, name):
        """For a message about the document of that name."""
        return f"{name}: {self}" if str(self) else name


def parse(text):
    """The JSON in it; ValueError where there is none, or too deep."""
    # Pairs go from the inside out; what is left is deeper, or no JSON.
    brackets = re.sub(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^][{}"]+', "", text, flags=re.DOTALL)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return json.loads(text)
        fewer = brackets.replace("[]", "").replace("{}", "")
        if len(fewer) == len(brackets):
            break
        brackets = fewer
    raise ValueError("too deep")


def shaped(value, shape, at=""):
    """The value in its shape; raises `Mismatch` at the first wrong place."""
    if is_dataclass(shape):
        _must(isinstance(value, dict), at)
        return shape(**{field.name: _field(value, field, at) for field in fields(shape)})
    if get_origin(shape) is list:
        _must(isinstance(value, list), at)
        (inner,) = get_args(shape)
        return [shaped(item, inner, f"{at}/{index}") for index, item in enumerate(value)]
    if type(None) in get_args(shape):
        (inner,) = (each for each in get_args(shape) if each is not type(None))
        return None if value is None else shaped(value, inner, at)
    _must(_fits(value, shape), at)
    return value


def _field(value, field, at):
    place = f"{at}/{field.name}"
    if value.get(field.name) is not None:
        return shaped(value[field.name], field.type, place)
    _must(type(None) in get_args(field.type), place)
    return None


def _fits(value, shape):
    if shape is float:
        shape = (int, float)
    # To Python a truth value is a number.
    return isinstance(value, shape) and (isinstance(value, bool) <= (shape in (bool, object)))


def _must(fits, at):
    if not fits:
        raise Mismatch(at)
