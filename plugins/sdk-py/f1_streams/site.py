"""The operator's side of a plugin: where its site is, and its settings. What is
missing or wrong there is raised as `bad-config`, with its place."""

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from wit_world.imports import config

from .error import bad_config
from .shape import Mismatch, shaped

# As in the Rust SDK: more would not fit into one call anyhow.
MAX_INSTANCES = 64


@dataclass
class Nothing:
    """A site without settings."""


class Site:
    """This call's site: `settings` in the given shape (see shape.py) and `base`,
    its base URL, None where there is none."""

    def __init__(self, shape=Nothing):
        document = json.loads(config.get_json())
        self.base = document.pop("base_url", None)
        try:
            self.settings = shaped(document, shape)
        except Mismatch as mismatch:
            raise bad_config(mismatch.within("settings")) from None

    def url(self, path):
        """A path below the base URL."""
        if self.base is None:
            raise bad_config("base_url is missing")
        return below(self.base, path)


@dataclass
class Listed:
    url: str
    label: str | None


@dataclass
class Instances:
    instances: list[Listed] | None


class Instance:
    """One server. Viewers must not learn from a label or an id where it is."""

    def __init__(self, url, label=None, number=None):
        self._url = url
        self._label = label
        self._number = number

    def url(self, path):
        """An address on this server; its URL's own path is kept."""
        return below(self._url, path)

    def label(self, own=None):
        """What viewers read: the operator's label, else the server's own name, else its number."""
        own = own.strip() if isinstance(own, str) else ""
        return self._label or own or f"Server {self._number or 1}"

    def id(self, stream):
        """The id of a stream on this server that the server calls `stream`: of a
        list's servers it begins with the label, or else with the number."""
        server = self._label or self._number
        return id_of(stream if server is None else f"{server} {stream}")


def instances():
    """Several servers of one kind in one site: `[[settings.instances]]`, each with
    a `url` and perhaps a `label`; without the list, the base URL is the one."""
    site = Site(Instances)
    listed = site.settings.instances or []
    if len(listed) > MAX_INSTANCES:
        raise bad_config(f"more than {MAX_INSTANCES} instances")
    if not listed and site.base is None:
        raise bad_config("base_url is missing")
    if not listed:
        return [Instance(site.base)]
    return [Instance(each.url, each.label, number) for number, each in enumerate(listed, 1)]


def below(base, path):
    """A path below a base URL, whose own path is kept."""
    joined = f"{base.rstrip('/')}/{path.lstrip('/')}"
    try:
        host = urlsplit(joined).hostname
    except ValueError:
        host = None
    if not host:
        raise bad_config(f"{joined} is no URL")
    return joined


def id_of(text):
    """Any text as a stream's id: letters, digits, `-` and `_` stay, every other
    run becomes one `-`, never at an end. A text of which nothing would be left
    becomes a number made of it. The same ids as the Rust SDK's."""
    joined = re.sub(r"[^A-Za-z0-9_]+", "-", text).removeprefix("-")
    return joined[:64].removesuffix("-") or f"s{_fnv(text):016x}"


def _fnv(text):
    number = 0xCBF29CE484222325
    for byte in text.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return number


def secret(name):
    """A secret by name, which the extractor's `secrets` must list."""
    value = config.secret(name)
    if value is None:
        raise bad_config(f"the secret {name} is missing")
    return value
