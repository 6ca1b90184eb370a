//! What a request's directives ask for.

/// The directives that a server has to know.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) segment: Option<u64>,
    pub(super) part: Option<u64>,
    pub(super) skip: bool,
}

impl Wish {
    pub(super) fn of(query: &[(String, String)]) -> Result<Self, &'static str> {
        let mut wish = Self::default();
        for (name, value) in query {
            let number = || {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse().ok().filter(|number| *number < 1 << 50);
                number
                    .filter(|_| digits)
                    .ok_or("a directive that is no number\n")
            };
            let before = match name.as_str() {
                "_HLS_msn" => wish.segment.replace(number()?).is_some(),
                "_HLS_part" => wish.part.replace(number()?).is_some(),
                "_HLS_skip" if matches!(value.as_str(), "YES" | "v2") => {
                    std::mem::replace(&mut wish.skip, true)
                }
                "_HLS_skip" => return Err("_HLS_skip is YES or v2\n"),
                _ => false,
            };
            if before {
                return Err("a directive stands there twice\n");
            }
        }
        match wish {
            Self {
                segment: None,
                part: Some(_),
                ..
            } => Err("_HLS_part without _HLS_msn\n"),
            _ => Ok(wish),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(query: &str) -> Result<Wish, &'static str> {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Wish::of(&pairs.collect::<Vec<_>>())
    }

    #[test]
    fn directives_make_sense_or_are_refused() {
        let asked = |segment, part, skip| {
            Ok(Wish {
                segment,
                part,
                skip,
            })
        };
        assert_eq!(wish(""), asked(None, None, false));
        assert_eq!(wish("a=b&_HLS_msn=0"), asked(Some(0), None, false));
        assert_eq!(
            wish("_HLS_msn=7&_HLS_part=2&_HLS_skip=YES"),
            asked(Some(7), Some(2), true)
        );
        assert_eq!(wish("_HLS_skip=v2"), asked(None, None, true));
        for wrong in [
            "_HLS_part=1",
            "_HLS_msn=",
            "_HLS_msn=-1",
            "_HLS_msn=+1",
            "_HLS_msn=1&_HLS_msn=1",
            "_HLS_skip=no",
            "_HLS_skip=YES&_HLS_skip=YES",
            "_HLS_msn=99999999999999999999",
        ] {
            assert!(wish(wrong).is_err(), "{wrong}");
        }
    }
}
