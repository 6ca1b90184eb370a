"""Owncast servers: `GET /api/status` says whether a stream is on, `GET
/api/config` what the server calls itself; the stream itself is always at
`/hls/stream.m3u8`. The same plugin as `plugins/owncast`, in Python."""

from dataclasses import dataclass

from f1_streams import (
    Extractor,
    ExtractError,
    always_there,
    export,
    get_all,
    hls,
    instances,
    keep_good,
    not_found,
)

STATUS = "/api/status"
CONFIG = "/api/config"


@dataclass
class Status:
    online: bool
    streamTitle: object | None


@dataclass
class Config:
    name: object | None


class Owncast(Extractor):
    name = "Owncast"
    hosts = ["*"]

    def extract(self, hint):
        servers = instances()
        answers = get_all([server.url(path) for server in servers for path in (STATUS, CONFIG)])
        return keep_good(zip(servers, answers[::2], answers[1::2]), stream)


def stream(found):
    server, status, config = found
    status = always_there(status, STATUS).json(Status)
    if not status.online:
        raise not_found()
    label = server.label(name_in(config))
    title = status.streamTitle.strip() if isinstance(status.streamTitle, str) else ""
    if title:
        label += f": {title}"
    return hls(server.id("live"), server.url("/hls/stream.m3u8"), label=label)


def name_in(config):
    """The stream plays without the server's name."""
    try:
        return config().json(Config).name
    except ExtractError:
        return None


Metadata, Extraction = export(Owncast())
