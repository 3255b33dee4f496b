//! A thread outside of the async runtime that ends what hangs, so that even a blocked run ends in a report.
//!
//! Knows nothing of runs: it waits, and calls one function.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// A watchdog that waits. It stops when it is dropped.
#[derive(Debug)]
pub struct Watchdog {
    orders: Sender<Order>,
}

/// A way to shorten a watchdog's patience from elsewhere.
#[derive(Clone, Debug)]
pub struct Leash(Sender<Order>);

#[derive(Debug)]
enum Order {
    Within(Duration),
    Stop,
}

impl Watchdog {
    /// Calls `hung` from a separate thread after `limit`, unless the watchdog was dropped by then.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(limit: Duration, hung: impl FnOnce() + Send + 'static) -> std::io::Result<Watchdog> {
        let (orders, received) = mpsc::channel();
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            // A limit beyond what the clock can count to is none.
            let mut end = Instant::now().checked_add(limit);
            loop {
                let order = match end {
                    Some(end) => received.recv_timeout(end.saturating_duration_since(Instant::now())),
                    None => received.recv().map_err(RecvTimeoutError::from),
                };
                match order {
                    Ok(Order::Within(limit)) => {
                        let sooner = Instant::now() + limit;
                        end = Some(end.map_or(sooner, |end| end.min(sooner)));
                    }
                    Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => return hung(),
                }
            }
        })?;
        Ok(Watchdog { orders })
    }

    /// What shortens its patience.
    #[must_use]
    pub fn leash(&self) -> Leash {
        Leash(self.orders.clone())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // It may have ended already, and then there is nobody to tell.
        let _ = self.orders.send(Order::Stop);
    }
}

impl Leash {
    /// From now on, at most this long.
    pub fn within(&self, limit: Duration) {
        // It may have ended already, and then there is nothing to shorten.
        let _ = self.0.send(Order::Within(limit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_secs(300);

    #[test]
    fn it_barks_although_the_runtime_is_blocked() {
        let (barked, heard) = mpsc::channel();
        let (wake, blocked) = mpsc::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let began = Instant::now();
        let watchdog = Watchdog::start(SHORT, move || {
            barked.send(began.elapsed()).unwrap();
            wake.send(()).unwrap();
        });
        // Blocks the only thread of the runtime: no timer of tokio could end this.
        runtime.block_on(async { blocked.recv_timeout(LONG).unwrap() });
        assert!(heard.recv().unwrap() >= SHORT);
        drop(watchdog);
    }

    #[test]
    fn it_is_silent_once_dropped() {
        let (barked, heard) = mpsc::channel::<()>();
        drop(Watchdog::start(SHORT, move || barked.send(()).unwrap()).unwrap());
        assert_eq!(heard.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn its_patience_can_be_shortened_and_never_lengthened() {
        let (barked, heard) = mpsc::channel();
        let watchdog = Watchdog::start(LONG, move || barked.send(()).unwrap()).unwrap();
        watchdog.leash().within(SHORT);
        watchdog.leash().within(LONG);
        heard.recv_timeout(Duration::from_secs(250)).unwrap();
    }
}
