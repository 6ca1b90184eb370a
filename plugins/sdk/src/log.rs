//! Lines for the operator, and pages for whoever mends the plugin. The host
//! bounds their number and size; secrets are its to scrub.

use crate::bindings::f1_streams::extractor::log::{self as host, Level};

/// Detail for whoever develops the plugin.
pub fn debug<K: ToString, V: ToString>(message: &str, fields: impl IntoIterator<Item = (K, V)>) {
    write(Level::Debug, message, fields);
}

/// Something worth knowing that needs nobody.
pub fn info<K: ToString, V: ToString>(message: &str, fields: impl IntoIterator<Item = (K, V)>) {
    write(Level::Info, message, fields);
}

/// Something was wrong and the call went on without it.
pub fn warn<K: ToString, V: ToString>(message: &str, fields: impl IntoIterator<Item = (K, V)>) {
    write(Level::Warn, message, fields);
}

/// The call fails because of this.
pub fn error<K: ToString, V: ToString>(message: &str, fields: impl IntoIterator<Item = (K, V)>) {
    write(Level::Error, message, fields);
}

/// Keeps a page for diagnosis; the host stores it only when the call fails.
pub fn attach(name: &str, media_type: &str, data: impl AsRef<[u8]>) {
    host::attach(name, media_type, data.as_ref());
}

fn write<K: ToString, V: ToString>(
    level: Level,
    message: &str,
    fields: impl IntoIterator<Item = (K, V)>,
) {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    host::write(level, message, &fields);
}

/// A panic ends the call as a trap without words; this gives it some.
pub(crate) fn panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("panic");
        error(message, [("at", place)]);
    }));
}
