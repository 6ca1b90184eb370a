//! Samples, and how they are printed.

use std::time::Duration;

/// The middle of `samples` with the least and the most.
pub(crate) fn print(what: &str, mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    let middle = samples[samples.len() / 2];
    println!(
        "{what:<52} {:>10}   ({} … {}, {} runs)",
        text(middle),
        text(samples[0]),
        text(samples[samples.len() - 1]),
        samples.len()
    );
    middle
}

/// `ours` as a multiple of `theirs`.
pub(crate) fn ratio(what: &str, ours: Duration, theirs: Duration) {
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    println!("{what:<52} {ratio:>9.2}x");
}

fn text(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        ..1e3 => format!("{micros:.1} µs"),
        1e3..1e6 => format!("{:.1} ms", micros / 1e3),
        _ => format!("{:.2} s", micros / 1e6),
    }
}
