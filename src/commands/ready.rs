//! Waits until the registry answers, after a deploy that is still under way.
//!
//! Proves nothing: whatever it finds, the checks go on and say what they see.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::check::Effect;
use crate::guard::Guard;
use crate::runner::Stop;
use crate::target::Target;
use crate::transcript::Recorder;
use crate::wire::Client;

const PAUSE: Duration = Duration::from_millis(250);

/// Asks `GET /v2/` until something answers below 500; gives up after `limit`, or when the run is stopped.
pub(crate) async fn ready(target: &Arc<Target>, limit: Duration, mut stop: Stop) {
    let end = Instant::now() + limit;
    let polling = async {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!("{} was not ready within {limit:?}; the checks go on nevertheless", target.origin());
                return;
            }
            if answers(target, left.min(target.route.timeout)).await {
                return;
            }
            tokio::time::sleep(PAUSE.min(end.saturating_duration_since(Instant::now()))).await;
        }
    };
    tokio::select! {
        () = polling => {}
        () = stopped(&mut stop) => {}
    }
}

async fn stopped(stop: &mut Stop) {
    if stop.wait_for(Option::is_some).await.is_err() {
        // Nobody is left who could stop this.
        std::future::pending::<()>().await;
    }
}

async fn answers(target: &Arc<Target>, limit: Duration) -> bool {
    let guard = Arc::new(Guard { effect: Effect::ReadOnly, scratch: None, ends_sessions: false });
    let recorder = Recorder::new(Arc::clone(target.redactor()));
    let client = Client::new(&target.route, target.origin(), "anonymous", None, guard, recorder);
    let Ok(client) = client else { return true };
    let sent = tokio::time::timeout(limit, client.get("/v2/").send()).await;
    sent.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status < 500))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{Lab, Options};

    async fn target(lab: &Lab) -> Arc<Target> {
        let folder = tempfile::tempdir().unwrap();
        Arc::new(Target::open(&lab.write_scenario(folder.path()).unwrap(), None).unwrap())
    }

    #[tokio::test]
    async fn it_returns_as_soon_as_the_registry_answers() {
        let lab = Lab::healthy().await.unwrap();
        let target = target(&lab).await;
        let listen = lab.url().trim_start_matches("http://").parse().unwrap();
        lab.stop().await;
        let began = Instant::now();
        let waiting = tokio::spawn({
            let target = Arc::clone(&target);
            async move { ready(&target, Duration::from_secs(60), crate::runner::no_stop()).await }
        });
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(!waiting.is_finished());
        let _lab = Lab::start(Options { listen: Some(listen), ..Options::default() }).await.unwrap();
        waiting.await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[tokio::test]
    async fn it_gives_up_at_its_limit() {
        let lab = Lab::healthy().await.unwrap();
        let target = target(&lab).await;
        lab.stop().await;
        let began = Instant::now();
        ready(&target, Duration::from_millis(400), crate::runner::no_stop()).await;
        assert!(began.elapsed() >= Duration::from_millis(400));
    }
}
