//! The channels of the list: few, fixed, and what is behind one changes.

/// One channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// From 1.
    pub number: usize,
    /// Its place in `/channels/{slot}/master.m3u8`: `best`, then `2` …
    pub slot: String,
    /// The same in list and guide: `f1.1`.
    pub id: String,
    /// `F1 Best`, then `F1 2` …
    pub name: String,
}

/// The first `count` channels.
pub fn channels(count: usize) -> Vec<Channel> {
    let channel = |number: usize| {
        let (slot, name) = match number {
            1 => ("best".to_owned(), "Best".to_owned()),
            _ => (number.to_string(), number.to_string()),
        };
        Channel {
            number,
            slot,
            id: format!("f1.{number}"),
            name: format!("F1 {name}"),
        }
    };
    (1..=count).map(channel).collect()
}
