//! A case's verdict: what was expected and what came, which request had no
//! exchange and which exchange no request, and under which changed answers the
//! plugin did what no plugin may.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::case::Case;
use super::mutate::{Mutation, mutations};
use super::outcome::differences;
use super::replay::{Played, Stage};
use crate::net::{Exchange, Missed};

/// What is done besides comparing.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Write what came as what is expected.
    pub update: bool,
    /// Also run the case with changed answers.
    pub mutations: bool,
}

/// How one case went.
#[derive(Debug)]
pub struct Report {
    /// The case's.
    pub name: String,
    /// Of all its runs together.
    pub took: Duration,
    /// How often it was run with changed answers.
    pub mutated: usize,
    /// Whether `expected.json` was written.
    pub updated: bool,
    /// What the plugin said, where the case failed.
    pub log: Vec<String>,
    /// Empty where it passed. Lines for people, some with more lines in them.
    pub problems: Vec<String>,
}

/// Mutated runs whose failures are shown; the first ones say what is wrong.
const MAX_SHOWN: usize = 10;
/// Recorded requests shown beside one that has none.
const NEAREST: usize = 2;

impl Stage {
    /// Runs one case. Its mutated runs are side by side on all cores.
    pub async fn check(&self, case: &Arc<Case>, options: Options) -> Report {
        let began = Instant::now();
        let mut report = Report {
            name: case.name.clone(),
            took: Duration::ZERO,
            mutated: 0,
            updated: false,
            log: Vec::new(),
            problems: Vec::new(),
        };
        let played = self.play(case, case.exchanges.clone()).await;
        let wire = wire_problems(case, &played);
        match (&played.outcome, &case.expected) {
            (Err(fault), _) => report.problems.push(fault.clone()),
            // What came of a request that was never recorded is no outcome.
            (Ok(came), expected)
                if options.update && wire.is_empty() && expected.as_ref() != Some(came) =>
            {
                match case.expect(came) {
                    Ok(()) => report.updated = true,
                    Err(error) => report.problems.push(format!("expected.json: {error}")),
                }
            }
            (Ok(came), Some(expected)) => report.problems.extend(differences(expected, came)),
            (Ok(came), None) => report.problems.push(format!(
                "no expected.json: fix the plugin, then run with --update\nnow it brings {came}"
            )),
        }
        report.problems.extend(wire);
        if !report.problems.is_empty() {
            let lines = played.log.iter();
            report.log = lines
                .map(|line| format!("{}: {}", line.level, line.message))
                .collect();
        }
        // What goes wrong with the answers as they were says it all.
        if options.mutations && report.problems.is_empty() {
            let (runs, problems) = self.mutated(case).await;
            report.mutated = runs;
            report.problems = problems;
        }
        report.took = began.elapsed();
        report
    }

    async fn mutated(&self, case: &Arc<Case>) -> (usize, Vec<String>) {
        let tried: Vec<(usize, Mutation)> = case
            .exchanges
            .iter()
            .enumerate()
            .flat_map(|(index, exchange)| mutations(exchange).into_iter().map(move |m| (index, m)))
            .collect();
        let runs = tried.len();
        let mut waiting = tried.into_iter().enumerate();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let mut tasks = JoinSet::new();
        let mut failed = Vec::new();
        loop {
            while tasks.len() < cores * 2 {
                let Some((number, (index, mutation))) = waiting.next() else {
                    break;
                };
                let (stage, case) = (self.clone(), case.clone());
                tasks.spawn(async move {
                    let mut exchanges: Vec<Exchange> = case.exchanges.to_vec();
                    exchanges[index].answer = mutation.answer;
                    let played = stage.play(&case, exchanges.into()).await;
                    let fault = played.outcome.err()?;
                    Some((
                        number,
                        format!(
                            "with {} for {}: {fault}",
                            mutation.what,
                            place(&case, index)
                        ),
                    ))
                });
            }
            match tasks.join_next().await {
                None => break,
                Some(Ok(failure)) => failed.extend(failure),
                Some(Err(error)) => failed.push((usize::MAX, format!("a run panicked: {error}"))),
            }
        }
        failed.sort();
        let more = failed.len().saturating_sub(MAX_SHOWN);
        let mut problems: Vec<_> = failed
            .into_iter()
            .map(|(_, text)| text)
            .take(MAX_SHOWN)
            .collect();
        if more > 0 {
            problems.push(format!("… and {more} more"));
        }
        (runs, problems)
    }
}

/// An exchange's number and request.
fn place(case: &Case, index: usize) -> String {
    let exchange = &case.exchanges[index];
    format!(
        "exchange {} ({} {})",
        index + 1,
        exchange.method,
        exchange.url
    )
}

pub(super) fn wire_problems(case: &Case, played: &Played) -> Vec<String> {
    let mut problems = Vec::new();
    for missed in &played.missed {
        let mut text = format!(
            "not in the recording: {} {}{}",
            missed.method,
            missed.url,
            shown_body(&missed.body)
        );
        let mut near: Vec<usize> = (0..case.exchanges.len()).collect();
        near.sort_by_key(|index| distance(missed, &case.exchanges[*index]));
        for index in near.into_iter().take(NEAREST) {
            let why = why_not(missed, &case.exchanges[index]);
            text.push_str(&format!("\nnearest: {}: {why}", place(case, index)));
        }
        problems.push(text);
    }
    for index in &played.unused {
        problems.push(format!(
            "never asked for: {}\nif that is right, take it out of exchanges.json",
            place(case, *index)
        ));
    }
    problems
}

fn distance(missed: &Missed, exchange: &Exchange) -> usize {
    let url = strsim::levenshtein(missed.url.as_str(), exchange.url.as_str());
    let method = usize::from(missed.method != exchange.method) * 8;
    url * 2 + method + usize::from(missed.body != exchange.body)
}

fn why_not(missed: &Missed, exchange: &Exchange) -> String {
    if missed.method != exchange.method {
        return format!("it is a {}", exchange.method);
    }
    if missed.url != exchange.url {
        return "another URL".into();
    }
    if missed.body != exchange.body {
        return format!("its body is{}", shown_body(&exchange.body));
    }
    match missed.lacks(exchange) {
        Some(name) => {
            let value = |headers: &http::HeaderMap| match headers.get(name) {
                Some(value) => format!("{:?}", String::from_utf8_lossy(value.as_bytes())),
                None => "nothing".into(),
            };
            let (wanted, sent) = (value(&exchange.headers), value(&missed.headers));
            format!("it was asked with {name}: {wanted}, now {sent}")
        }
        None => "it has been asked for already".into(),
    }
}

fn shown_body(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(body);
    let cut: String = text.chars().take(200).collect();
    format!(" {cut:?}")
}
