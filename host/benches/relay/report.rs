//! The tables, in Markdown.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cells::{Figure, Figures};
use crate::live::Stream;
use crate::peers::{Peer, nginx_program};
use crate::{Arguments, Plan};

/// Where and how it was measured; nothing that names the machine.
pub(crate) fn facts(
    arguments: &Arguments,
    plan: &Plan,
    load: String,
    absent: &[(Peer, String)],
) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split(['-', '+', '\n']).next().unwrap_or_default();
    let mut text = format!(
        "{cores} cores, Linux {kernel}, load {load} before the start. {} round(s) in turn of {:?} a \
         measure after {:?} of warm-up; the median of the rounds.\n\n",
        plan.rounds, plan.measure, plan.warm_up
    );
    if plan.quick {
        text += "A quick run, for development: these figures say little.\n\n";
    }
    let nginx = nginx_program().ok().and_then(|nginx| said(&nginx, "-v"));
    let versions = [
        ("f1-streams", said(&arguments.program, "--version")),
        ("nginx", nginx),
        ("node", said(Path::new("node"), "--version")),
        ("hls-proxy", hls_proxy(&arguments.installed)),
        (
            "python",
            said(&arguments.installed.join("venv/bin/python"), "--version"),
        ),
        ("mediaflow-proxy", mediaflow(&arguments.installed)),
    ];
    let versions = versions.into_iter().map(|(name, version)| {
        let version = version.unwrap_or_else(|| "not there".into());
        format!("{name} {version}")
    });
    text += &format!("Versions: {}.\n", versions.collect::<Vec<_>>().join(", "));
    for (peer, why) in absent {
        let why = why.lines().next().unwrap_or_default();
        text += &format!("\n{peer}: not run ({why}).\n");
    }
    text
}

/// The last word of what a program says of its version.
fn said(program: &Path, how: &str) -> Option<String> {
    let output = Command::new(program).arg(how).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).ok()?;
    let word = text.split_whitespace().next_back()?;
    Some(
        word.trim_start_matches("nginx/")
            .trim_start_matches('v')
            .to_owned(),
    )
}

fn hls_proxy(installed: &Path) -> Option<String> {
    let file = installed.join("node_modules/@warren-bank/hls-proxy/package.json");
    let package: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(package["version"].as_str()?.to_owned())
}

fn mediaflow(installed: &Path) -> Option<String> {
    let lib = fs::read_dir(installed.join("venv/lib"))
        .ok()?
        .next()?
        .ok()?
        .path();
    fs::read_dir(lib.join("site-packages"))
        .ok()?
        .find_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let name = name.strip_prefix("mediaflow_proxy-")?;
            Some(name.strip_suffix(".dist-info")?.to_owned())
        })
}

/// Everything that was measured.
pub(crate) fn tables(figures: &Figures) -> String {
    let rest = "MB/s, and of every core that was kept busy; CPU seconds of the server per GB; first \
         byte p50 and p99 in ms; peak memory in MiB; fetches at the origin and answers to viewers; \
         failures; cores that the server, the origin and the viewers kept busy.";
    table(
        &format!("\n### A fetch for every viewer\n\n{rest}\n"),
        figures,
        |peer| !peer.is_shared(),
    ) + &table(
        "\n### Segments that viewers share\n\nEverybody asks for the same 16 segments, over and \
         over; the first time nobody has them.\n",
        figures,
        Peer::is_shared,
    )
}

fn table(title: &str, figures: &Figures, which: fn(Peer) -> bool) -> String {
    let mut rows = String::new();
    for ((size, viewers), cell) in figures {
        for (peer, figure) in cell.iter().filter(|(peer, _)| which(**peer)) {
            rows += &format!(
                "| {} | {viewers} | {peer} |{}",
                kb(*size),
                row(*peer, figure)
            );
        }
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "{title}\n| segment | viewers | server | MB/s | a core | CPU s/GB | p50 | p99 | MiB | fetches | \
         answers | failures | server | origin | viewers |\n\
         |--:|--:|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n{rows}"
    )
}

fn row(peer: Peer, figure: &Figure) -> String {
    let milli = |seconds: f64| number(seconds * 1e3, 2);
    format!(
        " {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        number(figure.bytes_per_second / 1e6, 0),
        number(figure.bytes_per_core() / 1e6, 0),
        number(figure.cpu_per_gb, 2),
        milli(figure.first_byte_p50),
        milli(figure.first_byte_p99),
        if peer == Peer::Origin {
            "–".into()
        } else {
            mib(figure.peak_memory)
        },
        number(figure.fetches, 0),
        number(figure.answers, 0),
        number(figure.failures, 0),
        number(figure.server, 2),
        number(figure.origin, 2),
        number(figure.viewers, 2),
    )
}

/// The live stream.
pub(crate) fn live(streams: &[Stream]) -> String {
    let mut text = String::new();
    for stream in streams {
        text += &format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            stream.peer,
            stream.viewers,
            stream.segments,
            stream.segment_fetches,
            stream.playlist_fetches,
            stream.answers,
            stream.failures,
            number(stream.first_byte_p50 * 1e3, 2),
            number(stream.first_byte_p99 * 1e3, 2),
            mib(stream.idle_memory as f64),
            mib(stream.peak_memory as f64),
            number(stream.server, 2),
        );
    }
    if text.is_empty() {
        return text;
    }
    format!(
        "\n### One live stream\n\nSegments of 2 s and 500 kB in two variants; each viewer asks for \
         its playlist every second and for each new segment once.\n\n\
         | server | viewers | segments × variants | segment fetches | playlist fetches | segments \
         to viewers | failures | p50 | p99 | MiB idle | MiB at most | cores |\n\
         |:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n{text}"
    )
}

pub(crate) fn kb(size: usize) -> String {
    format!("{} kB", size / 1000)
}

pub(crate) fn mib(bytes: f64) -> String {
    number(bytes / f64::from(1 << 20), 0)
}

pub(crate) fn number(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}")
    } else {
        "–".into()
    }
}
