//! What values must not be together, each good in itself.

use std::time::Duration;

use bytesize::ByteSize;

use super::model::{Config, Trust, Viewers};

/// Headers that say nothing of who a proxy let in.
const SENT_BY_ALL: [&str; 10] = [
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
];

pub(super) struct Conflict {
    /// All that take part; the problem is shown at the first that was written.
    pub(super) keys: &'static [&'static str],
    pub(super) message: String,
}

pub(super) fn conflicts(config: &Config) -> Vec<Conflict> {
    let mut found = Vec::new();
    let mut when = |wrong: bool, keys: &'static [&'static str], message: &str| {
        if wrong {
            let message = message.to_owned();
            found.push(Conflict { keys, message });
        }
    };
    let server = &config.server;

    when(
        config.auth.viewers == Viewers::Loopback && !server.listen.ip().is_loopback(),
        &["server.listen", "auth.viewers"],
        "is not a loopback address, but only this machine may watch: set auth.viewers = \"token\" \
         for a login, \"open\" to let everybody watch who can connect, or server.listen = \
         \"127.0.0.1:8080\"",
    );
    when(
        config.auth.viewers == Viewers::Forward && config.auth.forward_proxies.is_empty(),
        &["auth.forward_proxies", "auth.viewers"],
        "needs auth.forward_proxies, or nobody may watch: name where the proxy that says who a \
         viewer is comes from, such as [\"10.42.0.0/16\"]",
    );
    when(
        config
            .auth
            .forward_proxies
            .iter()
            .any(|net| net.prefix_len() == 0),
        &["auth.forward_proxies"],
        "holds a network that is everybody: whoever sends the header could watch",
    );
    when(
        SENT_BY_ALL.contains(&config.auth.forward_header.as_str()),
        &["auth.forward_header"],
        "is a header that everybody sends: name the one in which the proxy says who a viewer is",
    );
    when(
        server.public_media_url.is_some() && server.public_url.is_none(),
        &["server.public_media_url", "server.public_url"],
        "needs server.public_url, from which the page may ask there",
    );
    when(
        server
            .public_media_url
            .as_ref()
            .zip(server.public_url.as_ref())
            .is_some_and(|(media, page)| media.host() == page.host()),
        &["server.public_media_url", "server.public_url"],
        "has the host of server.public_url: give media a name of its own, or none",
    );
    when(
        server.listen.port() != 0 && config.metrics.listen == Some(server.listen),
        &["metrics.listen", "server.listen"],
        "is server.listen: give the metrics a port of their own",
    );
    when(
        config.data_dir == config.cache_dir,
        &["cache_dir", "data_dir"],
        "is data_dir: give it a directory of its own, on a local disk",
    );
    let plugins = &config.plugins;
    when(
        plugins.trust == Trust::Pinned && plugins.pins.is_empty(),
        &["plugins.trust", "plugins.pins"],
        "is \"pinned\", but plugins.pins is empty, so that no plugin loads: list the SHA-256 of \
         each file there, as the admin page and `cargo xtask inspect` show it",
    );
    when(
        plugins.trust == Trust::Signed && plugins.signers.is_empty(),
        &["plugins.trust", "plugins.signers"],
        "is \"signed\", but plugins.signers is empty, so that no plugin loads: list the minisign \
         public keys there, the second line of each minisign.pub",
    );
    // Else somebody believes that they protect.
    when(
        plugins.trust == Trust::Any && !plugins.pins.is_empty(),
        &["plugins.pins", "plugins.trust"],
        "count only where plugins.trust is \"pinned\": set it, or take them out",
    );
    when(
        plugins.trust == Trust::Any && !plugins.signers.is_empty(),
        &["plugins.signers", "plugins.trust"],
        "count only where plugins.trust is \"signed\": set it, or take them out",
    );
    for (keys, smaller, larger) in durations(config) {
        when(
            smaller > larger,
            keys,
            &format!(
                "{} must not be longer than {}: change one of the two",
                keys[0], keys[1]
            ),
        );
    }
    for (keys, smaller, larger) in sizes(config) {
        when(
            smaller > larger,
            keys,
            &format!(
                "{} must not be more than {}: change one of the two",
                keys[0], keys[1]
            ),
        );
    }
    for (plugin, own) in &config.plugins.overrides {
        let limits = config.plugins.limits.with(own);
        when(
            limits.body > limits.bytes,
            &["plugins.override", "plugins.limits.body"],
            &format!("{plugin}: body must not be more than bytes: change one of the two"),
        );
    }
    found
}

/// Pairs of which the first must not be longer than the second.
fn durations(config: &Config) -> [(&'static [&'static str; 2], Duration, Duration); 4] {
    [
        (
            &["links.bucket", "links.lifetime"],
            config.links.bucket,
            config.links.lifetime,
        ),
        (
            &["net.breaker.wait", "net.breaker.wait_max"],
            config.net.breaker.wait,
            config.net.breaker.wait_max,
        ),
        (
            &["plugins.breaker.wait", "plugins.breaker.wait_max"],
            config.plugins.breaker.wait,
            config.plugins.breaker.wait_max,
        ),
        (
            &["schedule.interval_near", "schedule.interval"],
            config.schedule.interval_near,
            config.schedule.interval,
        ),
    ]
}

/// Pairs of which the first must not be more than the second.
fn sizes(config: &Config) -> [(&'static [&'static str; 2], ByteSize, ByteSize); 1] {
    let limits = &config.plugins.limits;
    [(
        &["plugins.limits.body", "plugins.limits.bytes"],
        limits.body,
        limits.bytes,
    )]
}
