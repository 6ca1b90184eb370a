"""Write an f1-streams extractor in Python.

    from dataclasses import dataclass
    from f1_streams import Extractor, Site, export, get, hls

    @dataclass
    class Live:
        url: str

    class Example(Extractor):
        name = "An example"
        hosts = ["*"]

        def extract(self, hint):
            live = get(Site().url("/api/live")).json(Live)
            return [hls("main", live.url)]

    Metadata, Extraction = export(Example())

Key and version are `plugin.toml`'s. Import at the top of a file only: modules
are loaded when the plugin is built, and there is no file system when it runs.
Each call has a fresh instance, so nothing set up in one outlives it; there is no
clock and no true randomness, and what is printed goes nowhere.
"""

from wit_world.imports import clock, state

from .error import (
    ExtractError,
    Reason,
    bad_config,
    blocked,
    layout_changed,
    network,
    not_found,
    only_protected,
    other,
    rate_limited,
)
from .extractor import Extractor, export, keep_good, log
from .request import Response, always_there, get, get_all, post
from .site import Instance, Site, id_of, instances, secret
from .stream import Protection, dash, hls, progressive
