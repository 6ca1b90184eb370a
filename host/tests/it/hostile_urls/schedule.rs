//! The schedule's source, where the operator says one that must not be asked.

use f1_streams::config::Config;
use f1_streams::metrics::Metrics;
use f1_streams::net::{Net, Plain};
use url::Url;

use super::corpus::{CLASSES, Ground, Line, compare};
use crate::house::House;

/// As the configuration reads it: it may refuse what the guard would.
fn base(url: &str, dir: &std::path::Path) -> Option<Url> {
    let text = format!("[schedule]\njolpica_url = {}", toml::Value::from(url));
    let config = Config::from_toml(&text, dir).ok()?.config;
    Some(config.schedule.jolpica_url)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_schedule_is_asked_of_one() {
    schedules(&Ground::new().await).await;
}

pub(super) async fn schedules(ground: &Ground) {
    let dir = ground.house.dir.path();
    let text = format!(
        "[net]\nports = {:?}\nallow_addresses = [\"127.0.0.3\"]",
        ground.ports()
    );
    let mut config = Config::from_toml(&text, dir).unwrap().config.net;
    config.hosts = super::corpus::names(&ground.lines);
    let net = Net::new(config.clone(), Metrics::new());
    let way = net.egress(net.policy(&[])).unwrap();
    let ask = async |url: Url| way.send(way.get(url), &Plain, "schedule").await;
    let fine = base(&ground.url("/fine/"), dir).unwrap();
    assert!(ask(fine).await.is_ok(), "the positive control");
    let mut answers = Vec::new();
    // What stands around a value is trimmed.
    let lines = ground.lines.iter();
    for (n, line) in lines.filter(|line| line.url.trim() == line.url).enumerate() {
        // Reading a whole configuration takes long: what the URL is written like
        // matters in S07, and elsewhere now and then one is enough.
        let is_read = line.class == "S07" || n % 20 == 0;
        let url = match is_read {
            true => base(&line.url, dir),
            false => Url::parse(&line.url).ok(),
        };
        let refused = match url {
            None => line.code.to_owned(),
            Some(url) => match ask(url).await {
                Ok(_) => "answered".to_owned(),
                Err(error) => error.code().to_owned(),
            },
        };
        answers.push((line, line.code, (line.status(), refused)));
    }
    compare("the schedule", answers);
    ground.assert_untouched(&["/fine/"]);

    // And so asks the service itself: the first of each class that it starts with.
    for class in CLASSES {
        let of_class = |line: &&Line| line.class == class && line.url.trim() == line.url;
        let mut lines = ground.lines.iter().filter(of_class);
        let Some((line, url)) = lines.find_map(|line| Some((line, base(&line.url, dir)?))) else {
            continue;
        };
        polled(line, url, config.clone()).await;
    }
    ground.assert_untouched(&["/fine/"]);
}

async fn polled(line: &Line, url: Url, net: f1_streams::config::Net) {
    let house = House::edited(move |config| {
        config.net = net.clone();
        config.schedule.jolpica_url = url.clone();
    })
    .await;
    let outcome = format!("purpose=\"schedule\",outcome=\"{}\"", line.code);
    house
        .wait(&format!("{line:?}"), async |house| {
            house.metrics.encode().contains(&outcome).then_some(())
        })
        .await;
}
