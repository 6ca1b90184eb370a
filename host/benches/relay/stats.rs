//! Figures of samples.

use std::time::Duration;

/// The value below which `share` of `samples` are; they get sorted.
pub(crate) fn quantile(samples: &mut [Duration], share: f64) -> Option<Duration> {
    samples.sort_unstable();
    let last = samples.len().checked_sub(1)?;
    samples.get((last as f64 * share).round() as usize).copied()
}

/// The middle of what there is.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values
        .into_iter()
        .filter(|value| value.is_finite())
        .collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}
