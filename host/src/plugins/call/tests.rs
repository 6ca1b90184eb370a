use super::*;
use crate::config::Config;

fn caller() -> Caller {
    Caller {
        plugin: "a".into(),
        site: None,
        asked: Arc::default(),
        secrets: Arc::default(),
        tape: None,
    }
}

#[tokio::test]
async fn a_panic_of_the_host_is_that_plugins_fault_and_harms_nothing_else() {
    let dir = tempfile::tempdir().expect("tempdir");
    let text = "[plugins]\nmax_calls = 1";
    let config = Config::from_toml(text, dir.path()).expect("config").config;
    let host = Host::new(&config, Clock::system(), Metrics::new()).expect("host");
    let bug = async |running: Running| -> Result<(), RunError> {
        drop(running);
        panic!("a bug with {}", "\u{1b}[31mcolours");
    };
    let (result, ..) = host.run(caller(), bug).await;
    let expect = RunError::Panicked("a bug with [31mcolours".into());
    assert_eq!(result, Err(expect));
    // Its place is free again.
    let (result, ..) = host
        .run(caller(), async |_: Running| Ok::<_, RunError>(7))
        .await;
    assert_eq!(result, Ok(7));
}
