//! The binary: one line, and an end.

#![allow(clippy::unwrap_used, reason = "a test ends where an answer is missing")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use f1_streams_testbed::Info;

fn start(arguments: &[&str]) -> (Child, Info) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_f1-streams-testbed"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    child.stdout = Some(stdout.into_inner());
    (child, serde_json::from_str(&line).unwrap())
}

fn ended(child: &mut Child) -> std::process::ExitStatus {
    let wait_until = Instant::now() + Duration::from_secs(5);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > wait_until {
            child.kill().unwrap();
            panic!("it runs on");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn answers(info: &Info) -> bool {
    TcpStream::connect(info.control.strip_prefix("http://").unwrap()).is_ok()
}

#[test]
fn it_ends_with_its_standard_input_when_asked_to() {
    let (mut child, info) = start(&["--exit-with-stdin"]);
    assert!(answers(&info));
    drop(child.stdin.take());
    assert!(ended(&mut child).success());
    assert!(!answers(&info));
    let mut rest = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    assert_eq!(rest, "", "more than one line");
}

#[test]
fn it_ends_on_a_signal_and_not_with_its_standard_input() {
    let addresses = ["--sites-ip", "127.0.0.12", "--schedule-ip", "127.0.0.13"];
    let (mut child, info) = start(&addresses);
    assert_eq!(info.hosts["cdn.test"].to_string(), "127.0.0.12");
    assert_eq!(info.hosts["schedule.test"].to_string(), "127.0.0.13");
    drop(child.stdin.take());
    std::thread::sleep(Duration::from_millis(200));
    assert!(answers(&info));
    let killed = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert!(ended(&mut child).success());
}
