# Writes {year}.zones.txt beside each {year}.txt: when its sessions are where five
# viewers live, by a third reader of the time zone database beside jiff and the
# browser's Intl. Run by hand after a change: `python3 zones.py`.

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

ZONES = [
    "UTC",
    "America/Los_Angeles",
    "Europe/London",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
]


def sessions(fixture: Path):
    """Yields the id of each session and when it is, in the form of the fixture."""
    event, seen = "", []
    for line in fixture.read_text("utf-8").splitlines():
        match line.split():
            case [] | ["#", *_]:
                pass
            case ["@", circuit, *_]:
                event = ""
            case [kind, "-", *_]:
                pass
            case [kind, when, *_]:
                # Its sessions tell whether it is a test, which has ids of its own.
                if not event:
                    testing = "-testing" if kind.startswith("day") else ""
                    event = f"{fixture.stem}-{circuit}{testing}"
                    seen.append(event)
                    nth = seen.count(event)
                    event += f"-{nth}" if nth > 1 else ""
                yield f"{event}-{kind}", when


def line(session: str, when: str) -> str:
    at = datetime.fromisoformat(when)
    if "T" not in when:
        return f"{session} | {at:%a %Y-%m-%d}"
    times = (at.astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M") for zone in ZONES)
    return " | ".join([session, *times])


for fixture in Path(__file__).parent.glob("????.txt"):
    lines = [" | ".join(["id", *ZONES])]
    in_order = sorted(sessions(fixture), key=lambda found: (found[1], found[0]))
    lines += [line(session, when) for session, when in in_order]
    zones = fixture.with_suffix(".zones.txt")
    zones.write_bytes("".join(f"{text}\n" for text in lines).encode())
