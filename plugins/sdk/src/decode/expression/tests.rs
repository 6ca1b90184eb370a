use super::*;

#[test]
fn as_javascript_evaluates_them() {
    // Right-hand sides are what Node 20 evaluates the expressions to.
    for (source, expected) in [
        (r#""ht" + 'tp' + `:`"#, "http:"),
        (r#"["h","t","t","p"].join("")"#, "http"),
        (r#"["a","b",].join()"#, "a,b"),
        (r#"[].join("x")"#, ""),
        (r#""//:ptth".split("").reverse().join("")"#, "http://"),
        (r#""a-b-c".split("-").reverse().join("+")"#, "c+b+a"),
        (r#"atob("aHR0" + "cA==")"#, "http"),
        (
            r#"window.atob( "cHR0aA==" . split("").reverse().join("") )"#,
            "",
        ),
        (r#"String.fromCharCode(104,0x74, 116 ,112)+"s""#, "https"),
        (
            r#"decodeURIComponent("%68%C3%A9") + unescape("%u0041")"#,
            "héA",
        ),
        (r#"("a" + ("b")).concat("c", "d")"#, "abcd"),
        (r#""a1b1".replace("1", "x").replaceAll("1","y")"#, "axby"),
        (r#"" a ".trim().toString()"#, "a"),
        (r#"["\x68","\u0074"].join("")"#, "ht"),
    ] {
        let found = js_value(source);
        if source.contains("cHR0aA") {
            // Reversed base64 is none: an error of `atob`, as in Node.
            assert!(matches!(found, Err(DecodeError::Base64(_))), "{found:?}");
        } else {
            assert_eq!(found, Ok((expected.into(), "")), "{source}");
        }
    }
    assert_eq!(
        js_value(r#""a" + "b", type: x"#),
        Ok(("ab".into(), ", type: x"))
    );
    let script = r#"var u = ["a", "b"].join("/"); play({file: u});"#;
    assert_eq!(js_value_after(script, "var u =").as_deref(), Ok("a/b"));
}

#[test]
fn every_expression_of_a_script() {
    let script = r#"var a = b ? "x" : ["h","t"].join(""); play({
        file: atob("aHR0cA==") , n: 7, f: g("y" + "z", ["1", h]) });"#;
    assert_eq!(js_values(script), ["x", "ht", "http", "yz", "1"]);
    assert_eq!(js_values(""), [""; 0]);
    assert!(js_values(&"([".repeat(2_000_000)).is_empty());
    let long = format!("={}", "[\"a\",".repeat(500_000));
    assert!(js_values(&long).len() <= MAX_VALUES);
}

#[test]
fn what_is_no_constant_string_is_an_error() {
    for source in [
        "",
        "a",
        "a+b",
        "'a'+",
        "'a'+b",
        "['a'",
        "['a']",
        "[1]",
        "('a'",
        "atob('a'",
        "atob(b)",
        "alert('a')",
        "'a'.length",
        "'a'.split()",
        "'a'.split('')",
        "['a'].join(",
        "'a'.reverse()",
        "'a'.replace(/a/,'b')",
        "String.fromCharCode(x)",
        "String.fromCharCode(65536)",
        "'a'.",
        ".",
        "'a",
        "'a'.concat(['b'])",
    ] {
        assert!(js_value(source).is_err(), "{source}");
    }
    assert!(js_value_after("x", "y").is_err());
}

#[test]
fn hostile_expressions_end_early() {
    let error = |source: &str| js_value(source).expect_err("an error");
    assert_eq!(
        error(&"(".repeat(1_000_000)),
        DecodeError::Expression("too many brackets")
    );
    let chain = format!("'{}'{}", "a".repeat(100_000), ".toString()".repeat(10_000));
    assert_eq!(error(&chain), DecodeError::TooLarge);
    let lists = format!("'{}'.split('')", "a".repeat(1_000_000));
    assert_eq!(error(&lists), DecodeError::TooLarge);
    let doubled = format!("'{}'{}", "a".repeat(10), ".replaceAll('a','aa')".repeat(60));
    assert_eq!(error(&doubled), DecodeError::TooLarge);
    let sum = vec!["'a'"; 200_000].join("+");
    assert_eq!(js_value(&sum).map(|(sum, _)| sum.len()), Ok(200_000));
}
