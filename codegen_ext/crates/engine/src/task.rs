//! Tasks that run for as long as a process has them to do.

use std::time::Duration;

/// Time between the panic of a task and its next start.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a task in the background until it ends by itself. One that panics is
/// started again: nothing else would do its work. Must be called within a tokio
/// runtime.
pub fn keep_running<F>(name: &'static str, task: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        // Any other error says that the runtime ends.
        while tokio::spawn(task())
            .await
            .is_err_and(|error| error.is_panic())
        {
            tracing::error!(task = name, "task.panicked");
            tokio::time::sleep(PAUSE).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_is_started_again_and_one_that_ends_is_not() {
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        keep_running("test", move || {
            let start = counted.fetch_add(1, SeqCst);
            async move { assert_eq!(start, 2, "this start of the task fails") }
        });
        tokio::time::sleep(PAUSE * 10).await;
        assert_eq!(starts.load(SeqCst), 3);
    }
}
