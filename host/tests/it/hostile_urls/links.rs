//! Links sealed by hand, and redirects.

use f1_streams::proxy::Kind;
use reqwest::StatusCode;

use super::corpus::{Ground, Line, compare};

const KINDS: [Kind; 11] = [
    Kind::Playlist,
    Kind::Segment,
    Kind::Fragment,
    Kind::SealedSegment,
    Kind::SealedFragment,
    Kind::Picture,
    Kind::Init,
    Kind::Key,
    Kind::Data,
    Kind::AssetList,
    Kind::Steering,
];

#[tokio::test(flavor = "multi_thread")]
async fn no_link_leads_to_one_of_whatever_kind() {
    sealed(&Ground::new().await).await;
}

pub(super) async fn sealed(ground: &Ground) {
    for kind in KINDS {
        // What the origin sends there is not of every kind; that it was asked shows.
        let fine = ground.sealed(kind, &ground.url("/fine.ts"));
        let (_, code) = ground.ask([fine]).await.remove(0);
        assert!(!code.ends_with("_denied"), "{kind:?}: {code}");
        let links = ground.lines.iter();
        let links = links.map(|line| ground.sealed(kind, &line.url));
        let answers = ground.ask(links).await;
        let lines = ground.lines.iter().zip(answers);
        compare(
            &format!("{kind:?}"),
            lines.map(|(line, answer)| (line, line.code, answer)),
        );
    }
    ground.assert_untouched(&["/fine.ts"]);
}

/// Whether an answer's field can hold it, as it is.
fn fits_a_field(line: &Line) -> bool {
    let is_text = |b: u8| b == b'\t' || b >= b' ' && b != 0x7f;
    line.url.bytes().all(is_text) && line.url.trim() == line.url
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_leads_to_one() {
    redirects(&Ground::new().await).await;
}

pub(super) async fn redirects(ground: &Ground) {
    for kind in [Kind::Segment, Kind::Playlist, Kind::Key] {
        let fine = ground.sealed(kind, &ground.url("/302//fine.ts"));
        let (status, code) = ground.ask([fine]).await.remove(0);
        let is_fine = status == StatusCode::OK || code.starts_with("upstream_not_a_");
        assert!(is_fine, "{kind:?}: {status} {code}");
        let lines: Vec<(usize, &Line)> = ground.lines.iter().enumerate().collect();
        let lines = lines
            .into_iter()
            .filter(|(_, line)| fits_a_field(line) && !line.is_reference());
        let (numbers, lines): (Vec<usize>, Vec<&Line>) = lines.unzip();
        let links = numbers
            .iter()
            .map(|number| ground.url(&format!("/to/{number}")));
        let answers = ground.ask(links.map(|url| ground.sealed(kind, &url))).await;
        let refused = lines.into_iter().zip(answers).map(|(line, answer)| {
            // A field that is not ASCII points nowhere.
            let code = match line.url.is_ascii() {
                true => line.code,
                false => "upstream_status",
            };
            (line, code, answer)
        });
        compare(&format!("{kind:?}"), refused);
    }
    ground.assert_untouched(&["/fine.ts", "/to/"]);
}
