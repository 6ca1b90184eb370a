"""What the site shows, and where its stream is found."""

from dataclasses import dataclass

from f1_streams import Extractor, Site, export, get, hls, not_found


@dataclass
class Settings:
    page: str


@dataclass
class Live:
    live: bool
    title: str
    url: str


class Plugin(Extractor):
    name = "template"
    hosts = ["*"]

    def extract(self, hint):
        site = Site(Settings)
        answer = get(site.url(site.settings.page))
        page = answer.json(Live)
        if not page.live:
            raise not_found()
        return [hls("main", answer.join(page.url), label=page.title)]


Metadata, Extraction = export(Plugin())
