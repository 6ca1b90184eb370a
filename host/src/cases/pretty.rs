//! JSON as an author wants to read and edit it: indented, but a header on one
//! line.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// Arrays this deep stay on one line: in exchanges, a header's name and value.
const ONE_LINE: usize = 3;

/// Indented text that ends in a newline.
pub(super) fn pretty(value: &impl Serialize) -> io::Result<String> {
    let mut bytes = Vec::new();
    let formatter = Mixed {
        pretty: PrettyFormatter::new(),
        depth: 0,
    };
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

struct Mixed {
    pretty: PrettyFormatter<'static>,
    depth: usize,
}

impl Formatter for Mixed {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        match self.depth < ONE_LINE {
            true => self.pretty.begin_array(writer),
            false => CompactFormatter.begin_array(writer),
        }
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        match self.depth + 1 < ONE_LINE {
            true => self.pretty.end_array(writer),
            false => CompactFormatter.end_array(writer),
        }
    }

    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        match (self.depth < ONE_LINE, first) {
            (true, _) => self.pretty.begin_array_value(writer, first),
            (false, true) => Ok(()),
            (false, false) => writer.write_all(b", "),
        }
    }

    fn end_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.depth < ONE_LINE {
            true => self.pretty.end_array_value(writer),
            false => Ok(()),
        }
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_header_has_a_line() {
        let value = serde_json::json!([{ "headers": [["a", "b"], ["c", "d"]] }]);
        let text = super::pretty(&value).expect("written");
        assert!(
            text.contains("\n      [\"a\", \"b\"],\n      [\"c\", \"d\"]\n"),
            "{text}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
            value
        );
    }
}
