"""What a plugin is, and how the contract's exports call it."""

import traceback

import wit_world.exports
from componentize_py_types import Err
from wit_world.exports.metadata import PluginInfo
from wit_world.imports import log as _log
from wit_world.imports import types

from .error import ExtractError, layout_changed, not_found
from .manifest import KEY, VERSION


class Extractor:
    """One site's extractor: what a plugin overrides."""

    # For people.
    name = KEY
    # Those it asks for; "*" is whatever the operator grants.
    hosts = ()
    secrets = ()
    homepage = None
    # JSON Schema (2020-12) of a site's settings, as text.
    config_schema = None
    # Milliseconds.
    refresh_after = None

    def extract(self, hint):
        """The live streams found on this site, best first."""
        raise NotImplementedError

    def probe(self):
        """Says by raising that the site is not as expected. For where that can be
        told with fewer requests than `extract` makes."""
        self.extract(types.SessionHint(None, None, None, None, [], []))


def export(extractor):
    """The component's exports: `Metadata, Extraction = export(Example())`."""

    class Metadata(wit_world.exports.Metadata):
        def describe(self):
            return PluginInfo(
                KEY,
                extractor.name,
                VERSION,
                extractor.homepage,
                list(extractor.hosts),
                extractor.config_schema,
                list(extractor.secrets),
                extractor.refresh_after,
                [],
            )

    class Extraction(wit_world.exports.Extraction):
        def extract(self, hint):
            streams = _answer(lambda: extractor.extract(hint))
            # The contract has no empty success.
            if not streams:
                raise Err(types.ExtractError_NotFound())
            return streams

        def probe(self):
            _answer(extractor.probe)

    return Metadata, Extraction


def keep_good(items, make):
    """The streams that `make(item)` returns, one or a list, for every item. One
    that raises is logged and left out; when nothing is left, the most telling
    error is raised: `layout-changed`, because that needs a person, and
    `not-found` only where every item says so."""
    streams, errors = [], []
    for item in items:
        try:
            made = _typed(lambda: make(item))
            streams.extend(made if isinstance(made, list) else [made])
        except ExtractError as error:
            if _telling(error) < 2:
                log("warn", "left out", reason=error.case)
            errors.append(error)
    if streams:
        return streams
    raise min(errors, key=_telling, default=not_found())


def log(level, message, **fields):
    """A line in the host's log. `level` is "trace", "debug", "info", "warn" or "error"."""
    values = [(name, str(value)) for name, value in fields.items()]
    _log.write(_log.Level[level.upper()], message, values)


def _telling(error):
    match error.case:
        case types.ExtractError_LayoutChanged():
            return 0
        case types.ExtractError_NotFound():
            return 2
    return 1


def _answer(work):
    try:
        return _typed(work)
    except ExtractError as error:
        raise Err(error.case) from None


def _typed(work):
    """An error of the language is a value that nobody expected, and the plugin
    needs a fix: `layout-changed`, with the traceback in the log."""
    try:
        return work()
    except ExtractError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        log("error", what, traceback=traceback.format_exc())
        raise layout_changed(what) from None
