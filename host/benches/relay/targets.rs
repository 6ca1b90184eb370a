//! What was asked for, and whether it is so.

use crate::cells::{Figure, Figures};
use crate::live::Stream;
use crate::peers::Peer;
use crate::report::{kb, mib, number};

/// `relay.window` of who shares, in bytes.
const WINDOW: f64 = (256 << 20) as f64;
const A_VIEWER: f64 = (64 << 10) as f64;

struct Target {
    what: &'static str,
    ours: Peer,
    theirs: Peer,
    /// Only segments of so many bytes.
    size: Option<usize>,
    of: fn(&Figure) -> f64,
    /// Of ours to theirs.
    ratio: f64,
    at_most: bool,
}

fn rate(figure: &Figure) -> f64 {
    figure.bytes_per_second
}

const TARGETS: [Target; 7] = [
    Target {
        what: "pass-through, bytes per second to nginx unbuffered",
        ours: Peer::Relay,
        theirs: Peer::NginxUnbuffered,
        size: None,
        of: rate,
        ratio: 2.3,
        at_most: false,
    },
    Target {
        what: "the same of every core that was busy, which was not asked for",
        ours: Peer::Relay,
        theirs: Peer::NginxUnbuffered,
        size: None,
        of: Figure::bytes_per_core,
        ratio: 2.3,
        at_most: false,
    },
    Target {
        what: "pass-through, CPU per GB to nginx unbuffered",
        ours: Peer::Relay,
        theirs: Peer::NginxUnbuffered,
        size: None,
        of: |figure| figure.cpu_per_gb,
        ratio: 0.5,
        at_most: true,
    },
    Target {
        what: "pass-through, bytes per second to hls-proxy",
        ours: Peer::Relay,
        theirs: Peer::HlsProxy,
        size: None,
        of: rate,
        ratio: 3.0,
        at_most: false,
    },
    Target {
        what: "pass-through, bytes per second to mediaflow-proxy",
        ours: Peer::Relay,
        theirs: Peer::Mediaflow,
        size: None,
        of: rate,
        ratio: 15.0,
        at_most: false,
    },
    Target {
        what: "shared, bytes per second to nginx proxy_cache",
        ours: Peer::RelayShared,
        theirs: Peer::NginxCache,
        size: Some(4_000_000),
        of: rate,
        ratio: 1.5,
        at_most: false,
    },
    Target {
        what: "shared, bytes per second to nginx proxy_cache",
        ours: Peer::RelayShared,
        theirs: Peer::NginxCache,
        size: Some(200_000),
        of: rate,
        ratio: 1.0,
        at_most: false,
    },
];

/// A row for each target.
pub(crate) fn table(figures: &Figures, streams: &[Stream]) -> String {
    let mut text = String::from(
        "\n### Targets\n\nRatios of ours to theirs; a target is met where every cell meets it.\n\n\
         | target | wanted | is, by segment and viewers | |\n|:--|--:|:--|:--|\n",
    );
    for target in &TARGETS {
        text += &target.row(figures);
    }
    text += &first_byte(figures);
    for stream in streams
        .iter()
        .filter(|stream| stream.peer == Peer::RelayShared)
    {
        text += &live(stream);
    }
    text
}

impl Target {
    fn row(&self, figures: &Figures) -> String {
        let mut cells = Vec::new();
        let mut met = true;
        for ((size, viewers), cell) in figures {
            let wanted = self.size.is_none_or(|wanted| wanted == *size);
            let (Some(ours), Some(theirs), true) =
                (cell.get(&self.ours), cell.get(&self.theirs), wanted)
            else {
                continue;
            };
            if theirs.bytes_per_second == 0.0 {
                cells.push(format!("{} {viewers}: theirs moved nothing", kb(*size)));
                continue;
            }
            let ratio = (self.of)(ours) / (self.of)(theirs);
            let good = if self.at_most {
                ratio <= self.ratio
            } else {
                ratio >= self.ratio
            };
            met &= good;
            let mark = if good { "" } else { " ✗" };
            cells.push(format!(
                "{} {viewers}: {}{mark}",
                kb(*size),
                number(ratio, 2)
            ));
        }
        let size = self
            .size
            .map_or(String::new(), |size| format!(", {}", kb(size)));
        let sign = if self.at_most { '≤' } else { '≥' };
        let verdict = verdict(&cells, met);
        format!(
            "| {}{size} | {sign} {} | {} | {verdict} |\n",
            self.what,
            self.ratio,
            cells.join(", ")
        )
    }
}

fn verdict(cells: &[String], met: bool) -> &'static str {
    match (cells, met) {
        ([], _) => "not run",
        (_, true) => "met",
        (_, false) => "not met",
    }
}

/// Against the origin, with one viewer who waits for each.
fn first_byte(figures: &Figures) -> String {
    let mut cells = Vec::new();
    let mut met = true;
    for ((size, viewers), cell) in figures {
        let (Some(ours), Some(origin), 1) =
            (cell.get(&Peer::Relay), cell.get(&Peer::Origin), viewers)
        else {
            continue;
        };
        let added = (ours.first_byte_p50 - origin.first_byte_p50) * 1e3;
        met &= added <= 0.3;
        cells.push(format!("{}: {} ms", kb(*size), number(added, 3)));
    }
    let verdict = verdict(&cells, met);
    let cells = cells.join(", ");
    format!("| added to the first byte at p50, one viewer | ≤ 0.3 ms | {cells} | {verdict} |\n")
}

fn live(stream: &Stream) -> String {
    let word = |met: bool| if met { "met" } else { "not met" };
    let allowed = stream.idle_memory as f64 + WINDOW + stream.viewers as f64 * A_VIEWER;
    format!(
        "| {viewers} viewers of a live stream, segment fetches | = {segments} | {fetches} | {} |\n\
         | the same, memory at most | ≤ {} MiB | {} MiB, {} idle | {} |\n",
        word(stream.segment_fetches == stream.segments),
        mib(allowed),
        mib(stream.peak_memory as f64),
        mib(stream.idle_memory as f64),
        word(stream.peak_memory as f64 <= allowed),
        viewers = stream.viewers,
        segments = stream.segments,
        fetches = stream.segment_fetches,
    )
}
