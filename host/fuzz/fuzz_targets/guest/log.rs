//! What the log hides of a text.

#[path = "../../../src/log/line.rs"]
#[allow(dead_code)]
mod line;

pub(crate) use line::is_hidden;
