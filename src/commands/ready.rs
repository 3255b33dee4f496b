//! Waits until the registry answers, after a deploy that is still under way.
//!
//! Proves nothing: whatever it finds, the checks go on and say what they see.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::check::target::Target;
use crate::http::Client;
use crate::http::guard::Guard;
use crate::http::recorder::Recorder;
use crate::run::runner::Stop;

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
    let guard = Arc::new(Guard::read_only());
    let recorder = Recorder::new(Arc::clone(target.redactor()));
    let client = Client::new(&target.route, target.origin(), "anonymous", None, guard, recorder);
    let Ok(client) = client else { return true };
    let sent = tokio::time::timeout(limit, client.get("/v2/").send()).await;
    sent.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status < 500))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::check::machine::Machine;
    use crate::run::runner;
    use crate::scenario::load;

    fn target(listener: &TcpListener) -> Arc<Target> {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let text = format!("schema = 1\nname = \"n\"\n[registry]\nurl = \"{url}\"\n");
        let today = time::macros::date!(2026 - 01 - 01);
        let loaded = load::parse("r.toml".as_ref(), text, |_| true, today).unwrap();
        Arc::new(Target::ready(loaded, None, Machine::here(true)).unwrap())
    }

    #[tokio::test]
    async fn it_asks_again_until_the_answer_is_below_500() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = target(&listener);
        let registry = std::thread::spawn(move || {
            for status in ["503 Service Unavailable", "502 Bad Gateway", "401 Unauthorized"] {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let began = Instant::now();
        ready(&target, Duration::from_secs(60), runner::no_stop()).await;
        let end = Instant::now() + Duration::from_secs(60);
        while !registry.is_finished() {
            assert!(Instant::now() < end, "it asked less than three times");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        registry.join().unwrap();
        assert!(began.elapsed() >= 2 * PAUSE);
    }

    #[tokio::test]
    async fn it_gives_up_at_its_limit() {
        // Takes connections and never answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let began = Instant::now();
        // The last try is bounded too, by much less than this.
        let target = target(&listener);
        let given_up = ready(&target, Duration::from_millis(400), runner::no_stop());
        tokio::time::timeout(Duration::from_secs(300), given_up).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(400));
    }

    #[tokio::test]
    async fn a_stopped_run_waits_no_longer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (sender, stop) = tokio::sync::watch::channel(Some("interrupted".to_owned()));
        tokio::time::timeout(Duration::from_secs(300), ready(&target(&listener), Duration::from_secs(3600), stop))
            .await
            .unwrap();
        drop(sender);
    }
}
