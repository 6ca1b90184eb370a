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

fn host(dir: &std::path::Path) -> Host {
    let text = "[plugins]\nmax_calls = 1";
    let config = Config::from_toml(text, dir).expect("config").config;
    Host::new(&config, Clock::system(), Metrics::new()).expect("host")
}

#[tokio::test]
async fn a_panic_of_the_host_is_that_plugins_fault_and_harms_nothing_else() {
    let dir = tempfile::tempdir().expect("tempdir");
    let host = host(dir.path());
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

#[tokio::test]
async fn a_disk_that_hangs_holds_up_no_other_call() {
    let dir = tempfile::tempdir().expect("tempdir");
    let host = host(dir.path());
    let (begun, mut writes) = tokio::sync::mpsc::unbounded_channel();
    let (free, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let state = State::written_by(move |_| {
        begun.send(()).expect("the test lives");
        let _ = gate.lock().expect("one at a time").recv();
        Ok(())
    });
    let quota = crate::plugins::state::Quota {
        bytes: 100,
        entries: 1,
    };
    assert_eq!(state.set("key", b"value", None, 0, quota), Ok(()));
    let first = host.run(caller(), |running: Running| async move {
        running.end(&state).await;
        Ok::<_, RunError>(1)
    });
    let second = async {
        writes.recv().await.expect("the first one writes");
        // The only place is free while it does.
        let free = std::time::Duration::from_millis(500);
        let call = host.run(caller(), async |_: Running| Ok::<_, RunError>(2));
        tokio::time::timeout(free, call)
            .await
            .expect("not held up")
            .0
    };
    // And it ends itself, though its write never does.
    let both = async { tokio::join!(first, second) };
    let both = tokio::time::timeout(std::time::Duration::from_secs(20), both).await;
    let ((first, ..), second) = both.expect("both end");
    assert_eq!((first, second), (Ok(1), Ok(2)));
    drop(free);
}
