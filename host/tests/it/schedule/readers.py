"""Feeds, read by programs that others wrote. Prints what they complain of."""

import sys


def lines(component, kind):
    return [str(one.get(kind)) for one in component.walk("VEVENT")]


def icalendar_reads(text):
    from icalendar import Calendar

    calendar = Calendar.from_ical(text)
    for event in calendar.walk("VEVENT"):
        uid = event.get("UID")
        for error in event.errors:
            yield f"icalendar: {uid}: {error}"
        if event.get("STATUS") == "CONFIRMED" and not event.end > event.start:
            yield f"icalendar: {uid} has no length"
    uids = lines(calendar, "UID")
    if len(uids) != len(set(uids)):
        yield "icalendar: two events have one UID"
    print(len(uids))


def vobject_reads(text):
    import vobject

    for calendar in vobject.readComponents(text):
        try:
            calendar.validate(raiseException=True)
        except Exception as error:
            yield f"vobject: {error}"


def libical_reads(text):
    """RFC 5545 and 5546: which property a component must have, may, and how often."""
    import gi

    gi.require_version("ICalGLib", "3.0")
    from gi.repository import ICalGLib as ical

    calendar = ical.Component.new_from_string(text)
    ical.restriction_check(calendar)

    def walk(component):
        kind = ical.PropertyKind.XLICERROR_PROPERTY
        wrong = component.get_first_property(kind)
        while wrong:
            yield f"libical: {wrong.get_value_as_string()}"
            wrong = component.get_next_property(kind)
        inner = component.get_first_component(ical.ComponentKind.ANY_COMPONENT)
        while inner:
            yield from walk(inner)
            inner = component.get_next_component(ical.ComponentKind.ANY_COMPONENT)

    yield from walk(calendar)


def ipytv_reads(text):
    from ipytv import playlist

    channels = playlist.loads(text)
    guides = channels.get_attributes()
    if guides.get("url-tvg") != guides.get("x-tvg-url") or "url-tvg" not in guides:
        yield f"ipytv: {guides}"
    ids = [channel.attributes["tvg-id"] for channel in channels.get_channels()]
    names = [channel.attributes["tvg-name"] for channel in channels.get_channels()]
    if len(ids) != len(set(ids)) or not all(names):
        yield f"ipytv: {ids} {names}"
    if not all(channel.url.endswith(".m3u8") for channel in channels.get_channels()):
        yield "ipytv: an address without .m3u8"
    print(len(ids))


READERS = {
    "calendar": [icalendar_reads, vobject_reads],
    "strict": [libical_reads],
    "list": [ipytv_reads],
}

sys.path.insert(0, sys.argv[2])
with open(sys.argv[3], encoding="utf-8", newline="") as file:
    feed = file.read()
complaints = []
for read in READERS[sys.argv[1]]:
    try:
        complaints += list(read(feed))
    except Exception as error:
        complaints.append(f"{read.__name__}: {type(error).__name__}: {error}")
sys.exit("\n".join(complaints) or 0)
