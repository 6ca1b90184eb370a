//! One thread that makes and writes bundles: less important than everything
//! else in the process, and alone with a `data_dir` that hangs.

use std::sync::mpsc::{SyncSender, sync_channel};

/// How much it gives way (see nice(2)).
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// Hands jobs over; the thread ends with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Writer(Option<SyncSender<Job>>);

impl Writer {
    /// `queue` jobs wait their turn. Where no thread can be had, nothing is ever
    /// done.
    pub(super) fn start(queue: usize) -> Self {
        let (queue, jobs) = sync_channel::<Job>(queue);
        let thread = std::thread::Builder::new().name("diagnostics".into());
        let started = thread.spawn(move || {
            // Where it is not allowed, it is as important as the rest.
            let _ = rustix::process::setpriority_process(None, NICE);
            for job in jobs {
                // The hook of panics has said so; the next bundle may be fine.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            }
        });
        Self(started.is_ok().then_some(queue))
    }

    /// `false` where too many wait already. Never blocks.
    pub(super) fn hand_over(&self, job: Job) -> bool {
        let sent = self.0.as_ref().map(|queue| queue.try_send(job));
        matches!(sent, Some(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_job_that_hangs_makes_nobody_wait_and_one_that_panics_is_one() {
        let writer = Writer::start(4);
        let (go, wait) = channel::<()>();
        let (done, said) = channel();
        let jobs = 4 + 2;
        assert!(writer.hand_over(Box::new(|| panic!("on purpose"))));
        assert!(writer.hand_over(Box::new(move || wait.recv().expect("told"))));
        let taken = (0..jobs).filter(|_| {
            let done = done.clone();
            writer.hand_over(Box::new(move || done.send(()).expect("heard")))
        });
        let taken = taken.count();
        assert!(taken < jobs, "no more than may wait");
        go.send(()).expect("waiting");
        for _ in 0..taken {
            said.recv().expect("done");
        }
    }
}
