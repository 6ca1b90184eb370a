//! Lines above `Limits::line`.

use super::super::facts::parse;
use super::super::tokenise::Token;
use super::{Rewriter, UNUSABLE};

// === impl Rewriter ===

impl Rewriter<'_> {
    /// It is dropped. Only what tells what follows it leaves a mark: without its key,
    /// a segment would look clear.
    pub(super) fn long_line(&mut self, token: &Token<'_>, ending: &[u8]) {
        match token {
            Token::Uri(_) => {
                let kind = self.next_kind();
                self.range = None;
                self.unusable_line(kind, ending);
            }
            Token::Tag(tag) if tag.is("EXT-X-KEY") || tag.is("EXT-X-MAP") => {
                self.facts.read(tag);
                self.out.push(b'#');
                self.put(tag.name);
                let method = match tag.is("EXT-X-KEY") {
                    true => "METHOD=AES-128,",
                    false => "",
                };
                let value = format!(":{method}URI=\"{UNUSABLE}\"");
                self.out.extend_from_slice(value.as_bytes());
                self.out.extend_from_slice(ending);
            }
            // Without it, the numbers of all that follow would be wrong.
            Token::Tag(tag) if tag.is("EXTINF") => {
                self.describe_next(self.segment(), b"");
                let ends = |b: &u8| *b == b',' || b.is_ascii_whitespace();
                let length = tag.value.trim_ascii_start().split(ends).next();
                let is_number = |text: &&[u8]| text.len() < 32 && parse::<f64>(text).is_some();
                self.out.extend_from_slice(b"#EXTINF:");
                self.put(length.filter(is_number).unwrap_or(b"0"));
                self.out.push(b',');
                self.out.extend_from_slice(ending);
            }
            _ => {}
        }
    }
}
