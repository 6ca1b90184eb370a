//! Dean Edwards' packer: `eval(function(p,a,c,k,e,d){…}('…',62,9,'a|b'.split('|'),0,{}))`.
//!
//! The script's own decoder is never run; its arguments say everything. Each
//! word of the payload is a number in base `a`, and stands for the word of
//! that index; a number whose word is empty stands for itself.

use regex_lite::Regex;

use super::{DecodeError, MAX_OUTPUT, literal};

const HEAD: &str =
    r"eval\s*\(\s*function\s*\(\s*p\s*,\s*a\s*,\s*c\s*,\s*k\s*,\s*e\s*,\s*[A-Za-z]\s*\)";

/// The decoder's own code has some 350 bytes. What looks like its arguments
/// farther away belongs to another call.
const DECODER: usize = 2048;

/// Larger bases use other digits and are not in use.
const RADIX: std::ops::RangeInclusive<usize> = 2..=62;

/// Unpacks the first packed script in `text`, by one layer.
///
/// # Errors
/// Where there is none, its arguments are not as expected, or the output would
/// be larger than [`MAX_OUTPUT`].
pub fn unpack(text: &str) -> Result<String, DecodeError> {
    let head = Regex::new(HEAD).map_err(|_| DecodeError::NotPacked)?;
    let start = head.find(text).ok_or(DecodeError::NotPacked)?.end();
    let arguments = Arguments::find(&text[start..])?;
    arguments.expand()
}

struct Arguments {
    payload: String,
    radix: usize,
    words: Vec<String>,
}

impl Arguments {
    fn find(text: &str) -> Result<Self, DecodeError> {
        let ends = text.match_indices('}').take_while(|(at, _)| *at < DECODER);
        let candidates = ends.filter_map(|(at, _)| {
            let rest = text[at + 1..].trim_start().strip_prefix('(')?.trim_start();
            rest.starts_with(['\'', '"']).then_some(rest)
        });
        let mut parsed = candidates.map(Self::parse);
        parsed
            .next()
            .unwrap_or(Err(DecodeError::Packed("its arguments are missing")))
    }

    fn parse(text: &str) -> Result<Self, DecodeError> {
        let (payload, rest) = literal::js_string(text)?;
        let (radix, rest) = number(comma(rest)?)?;
        let (count, rest) = number(comma(rest)?)?;
        let (words, rest) = literal::js_string(comma(rest)?)?;
        let split = rest.trim_start().strip_prefix(".split(");
        let split = split.ok_or(DecodeError::Packed("its words are not split"))?;
        let (separator, _) = literal::js_string(split.trim_start())?;
        if !RADIX.contains(&radix) {
            return Err(DecodeError::Packed("its base is not supported"));
        }
        if separator.is_empty() {
            return Err(DecodeError::Packed("its separator is empty"));
        }
        Ok(Self {
            payload,
            radix,
            words: words
                .split(&separator)
                .take(count)
                .map(String::from)
                .collect(),
        })
    }

    fn expand(&self) -> Result<String, DecodeError> {
        let mut output = String::new();
        let mut rest = self.payload.as_str();
        while !rest.is_empty() {
            let (plain, after) = split_where(rest, is_word);
            output.push_str(plain);
            let (word, after) = split_where(after, |c| !is_word(c));
            output.push_str(self.meaning(word));
            rest = after;
            if output.len() > MAX_OUTPUT {
                return Err(DecodeError::TooLarge);
            }
        }
        Ok(output)
    }

    fn meaning<'w>(&'w self, word: &'w str) -> &'w str {
        let known = index(word, self.radix).and_then(|index| self.words.get(index));
        known
            .filter(|known| !known.is_empty())
            .map_or(word, String::as_str)
    }
}

fn split_where(text: &str, found: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(found).unwrap_or(text.len()))
}

/// What `\w` means to JavaScript.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn index(word: &str, radix: usize) -> Option<usize> {
    // The packer writes no leading zeros, so `00` is not a number of its.
    if word.len() > 1 && word.starts_with('0') {
        return None;
    }
    let mut value: usize = 0;
    for byte in word.bytes() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            b'A'..=b'Z' => byte - b'A' + 36,
            _ => return None,
        };
        let digit = usize::from(digit);
        if digit >= radix {
            return None;
        }
        value = value.checked_mul(radix)?.checked_add(digit)?;
    }
    (!word.is_empty()).then_some(value)
}

fn comma(text: &str) -> Result<&str, DecodeError> {
    let rest = text.trim_start().strip_prefix(',');
    rest.map(str::trim_start)
        .ok_or(DecodeError::Packed("a comma is missing"))
}

fn number(text: &str) -> Result<(usize, &str), DecodeError> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let value = text[..end]
        .parse()
        .map_err(|_| DecodeError::Packed("a number is missing"))?;
    Ok((value, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decoder that real packed scripts carry. The vectors below unpack to
    /// the same text when Node evaluates them behind it.
    const DECODER_CODE: &str = r"eval(function(p,a,c,k,e,d){e=function(c){return(c<a?'':e(parseInt(c/a)))+((c=c%a)>35?String.fromCharCode(c+29):c.toString(36))};if(!''.replace(/^/,String)){while(c--){d[e(c)]=k[c]||e(c)}k=[function(e){return d[e]}];e=function(){return'\\w+'};c=1};while(c--){if(k[c]){p=p.replace(new RegExp('\\b'+e(c)+'\\b','g'),k[c])}}return p}";

    fn unpacked(arguments: &str) -> Result<String, DecodeError> {
        unpack(&format!(
            "<script>\nvar x=1;{DECODER_CODE}{arguments});</script>"
        ))
    }

    #[test]
    fn as_the_script_itself_unpacks() {
        let seventy: Vec<_> = (0..70).map(|word| format!("w{word}")).collect();
        for (arguments, expected) in [
            (
                r#"('1 0=2("3==");4.5({6:0,7:"8"});',62,9,'s|var|atob|aHR0cDovL2dvLnRlc3QvZ28vMQ|player|setup|file|type|hls'.split('|'),0,{})"#,
                r#"var s=atob("aHR0cDovL2dvLnRlc3QvZ28vMQ==");player.setup({file:s,type:"hls"});"#,
            ),
            (
                r"('1 0=\'2\\\'3 \\\\ 4\';\n$(0).5(6,7,\'é|\');',36,8,'a|var|it|s|here|b|10|0'.split('|'),0,{})",
                "var a='it\\'s \\\\ here';\n$(a).b(10,0,'é|');",
            ),
            (
                r"('0=1;2=3;4=5;6=7;8=9;10=11;12=13;14=15;16=17;18=19;20=21',10,22,'a||b|2|c|3|d|4|e|5|f|6|g|7|h|8|i|9|j|10|k|11'.split('|'),0,{})",
                "a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9;j=10;k=11",
            ),
            (
                &format!(
                    r"('0 9 a z A Z 10 17',62,70,'{}'.split('|'),0,{{}})",
                    seventy.join("|")
                ),
                "w0 w9 w10 w35 w36 w61 w62 w69",
            ),
        ] {
            assert_eq!(unpacked(arguments).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn spaced_and_double_quoted() {
        let text = r#"eval( function (p, a, c, k, e, r) { return p } ( "0 1" , 36 , 2 , "a,b" .split( "," ), 0, {} ) )"#;
        assert_eq!(unpack(text).as_deref(), Ok("a b"));
    }

    #[test]
    fn words_without_a_meaning_stay() {
        // Leading zeros, an underscore, digits beyond the base, an empty word,
        // an index behind the count, and one too large for any integer.
        let payload = "00 _1 Z 1 2 99999999999999999999999999999999 0";
        let arguments = format!("('{payload}',36,2,'a||c'.split('|'),0,{{}})");
        assert_eq!(
            unpacked(&arguments).as_deref(),
            Ok("00 _1 Z 1 2 99999999999999999999999999999999 a")
        );
    }

    #[test]
    fn what_is_not_packed_is_an_error() {
        assert_eq!(unpack(""), Err(DecodeError::NotPacked));
        assert_eq!(
            unpack("eval(function(x){}('0',62,1,''"),
            Err(DecodeError::NotPacked)
        );
        for arguments in [
            "",
            "(",
            "('0'",
            "('0',62",
            "('0',62,1",
            "('0',62,1,'a'",
            "('0',62,1,'a'.split(",
            "('0',62,1,'a'.split('')",
            "('0',1,1,'a'.split('|')",
            "('0',0,1,'a'.split('|')",
            "('0',95,1,'a'.split('|')",
            "('0',-1,1,'a'.split('|')",
            "('0',,1,'a'.split('|')",
            "('0',62,99999999999999999999999,'a'.split('|')",
            "(0,62,1,'a'.split('|')",
            "('0,62,1,'a'.split('|')",
            "('0',62,1,'a'.join('|')",
        ] {
            assert!(unpacked(arguments).is_err(), "{arguments}");
        }
        let far = format!("{}}}('0',62,1,'a'.split('|'),0,{{}})", " ".repeat(DECODER));
        assert!(unpack(&format!("eval(function(p,a,c,k,e,d){{{far}")).is_err());
    }

    #[test]
    fn hostile_sizes_end_early() {
        let word = "w".repeat(64 * 1024);
        let payload = "0 ".repeat(64 * 1024);
        let arguments = format!("('{payload}',62,1,'{word}'.split('|'),0,{{}})");
        assert_eq!(unpacked(&arguments), Err(DecodeError::TooLarge));
        // Brackets without an end: each would be read to the end of the text.
        let endless = format!("eval(function(p,a,c,k,e,d){}", "}('".repeat(400_000));
        assert!(unpack(&endless).is_err());
    }
}
