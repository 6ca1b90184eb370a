//! Packs JavaScript as such pages do: every word of the source becomes a
//! base-62 number into a dictionary that stands beside it, and a small
//! unpacker puts them back and evaluates the result.
//!
//! The output is JavaScript that a browser can run. The dictionary's order is
//! random, so that no two answers look alike.

use std::{collections::HashMap, ops::Range};

use rand::{RngExt as _, seq::SliceRandom as _};

/// The words' numbers are written in this base, as the unpacker expects.
const BASE: usize = 62;

const DIGITS: &[u8; BASE] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The player script of a page: it decodes the stream's address and hands it
/// to the player. The variable has another name each time.
pub(crate) fn player_script(stream_base64: &str) -> String {
    let name = variable_name();
    pack(&format!(
        r#"var {name}=atob("{stream_base64}");player.setup({{file:{name},type:"hls"}});"#
    ))
}

fn pack(source: &str) -> String {
    let mut dictionary: Vec<&str> = words(source).collect();
    dictionary.sort_unstable();
    dictionary.dedup();
    dictionary.shuffle(&mut rand::rng());
    let places: HashMap<&str, usize> = dictionary
        .iter()
        .enumerate()
        .map(|(place, word)| (*word, place))
        .collect();

    let mut payload = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find(is_word) {
        let (between, tail) = rest.split_at(start);
        let (word, tail) = tail.split_at(tail.find(|c| !is_word(c)).unwrap_or(tail.len()));
        escape(between, &mut payload);
        payload.push_str(&number(places[word]));
        rest = tail;
    }
    escape(rest, &mut payload);

    let count = dictionary.len();
    // A word that is its own number may be left out of the dictionary: the
    // unpacker falls back to the number.
    let words: Vec<&str> = dictionary
        .iter()
        .enumerate()
        .map(|(place, word)| if number(place) == **word { "" } else { *word })
        .collect();
    let words = words.join("|");
    format!(
        "eval(function(p,a,c,k,e,d){{e=function(c){{return(c<a?'':e(parseInt(c/a)))+((c=c%a)>35?\
         String.fromCharCode(c+29):c.toString(36))}};if(!''.replace(/^/,String)){{while(c--){{\
         d[e(c)]=k[c]||e(c)}}k=[function(e){{return d[e]}}];e=function(){{return'\\\\w+'}};c=1}};\
         while(c--){{if(k[c]){{p=p.replace(new RegExp('\\\\b'+e(c)+'\\\\b','g'),k[c])}}}}return p}}\
         ('{payload}',{BASE},{count},'{words}'.split('|'),0,{{}}))"
    )
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn words(source: &str) -> impl Iterator<Item = &str> {
    source
        .split(|c| !is_word(c))
        .filter(|word| !word.is_empty())
}

fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            into.push('\\');
        }
        into.push(c);
    }
}

fn number(mut place: usize) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[place % BASE]));
        place /= BASE;
        if place == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// A name that is neither a keyword nor one of the script's own words: an
/// underscore stands in it, as minifiers leave it.
fn variable_name() -> String {
    let mut random = rand::rng();
    let mut letters = |count: Range<usize>| -> String {
        let count = random.random_range(count);
        (0..count)
            .map(|_| char::from(DIGITS[random.random_range(10..BASE)]))
            .collect()
    };
    format!("{}_{}", letters(1..4), letters(0..3))
}

#[cfg(test)]
#[path = "../tests/client/unpack.rs"]
mod unpack;

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, process::Command};

    use super::unpack::unpack;
    use super::*;

    #[test]
    fn what_is_packed_unpacks() {
        let many: String = (0..200).map(|i| format!("word{i}+")).collect();
        let cases = [
            r#"var s=atob("aHR0cDovL2dvLnRlc3Q+/z==");player.setup({file:s,type:"hls"});"#,
            r"var q='it''s';a\b",
            "0 1 2 3 a b c z A B Z",
            &many,
        ];
        for case in cases {
            for _ in 0..20 {
                assert_eq!(unpack(&pack(case)), *case);
            }
        }
    }

    #[test]
    fn the_stream_does_not_stand_in_the_script() {
        let script = player_script("aHR0cDovL2dvLnRlc3Q6ODA4MC9nby8xMjM=");
        assert!(!script.contains("atob(\""), "{script}");
        assert!(
            unpack(&script)
                .contains(r#"=atob("aHR0cDovL2dvLnRlc3Q6ODA4MC9nby8xMjM=");player.setup("#)
        );
    }

    #[test]
    fn no_two_scripts_look_alike() {
        let scripts: HashSet<String> = (0..50).map(|_| player_script("YWJj")).collect();
        assert!(
            scripts.len() > 45,
            "only {} different ones of 50",
            scripts.len()
        );
    }

    /// The real thing: the script's own unpacker, run by a JavaScript engine.
    #[test]
    fn a_javascript_engine_runs_it() {
        let script = player_script("aHR0cDovL2dvLnRlc3Q6ODA4MC9nby8xMjM=");
        let program = format!("const player={{setup:o=>console.log(JSON.stringify(o))}};{script}");
        let output = Command::new("node")
            .args(["-e", &program])
            .output()
            .expect("Node.js, which the frontend needs as well");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            r#"{"file":"http://go.test:8080/go/123","type":"hls"}"#,
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
