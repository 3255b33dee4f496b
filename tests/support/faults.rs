//! A TCP proxy on loopback that spoils what passes through it.
//!
//! It knows no HTTP: what it does to bytes is what a bad network does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use super::http::{block_on, runtime};

/// What happens to the answers. Requests always pass; an answer that is shorter than the number passes whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Each piece arrives this much later.
    Latency(Duration),
    /// The connection is reset after so many bytes of answers.
    Reset(usize),
    /// The connection is closed, as if complete, after so many bytes of answers.
    Truncate(usize),
    /// The connection stays open and silent after so many bytes of answers.
    Stall(usize),
    /// Each piece arrives this much later, and one of so many, of all connections together, is a reset instead.
    Poor(Duration, usize),
}

/// A running proxy. Its connections end when it is dropped.
pub struct FaultProxy {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    task: AbortHandle,
}

impl FaultProxy {
    /// Listens on a port of loopback and passes connections on to `target`.
    pub fn start(target: SocketAddr, fault: Fault) -> Self {
        let fault = Arc::new(Mutex::new(fault));
        let listener = block_on(TcpListener::bind(("127.0.0.1", 0))).expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let task = runtime().spawn(accept(listener, target, Arc::clone(&fault))).abort_handle();
        Self { address, fault, task }
    }

    /// The address to connect to, as an HTTP URL without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what happens to connections from now on; open ones keep their fault.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().expect("no holder of the lock panics") = fault;
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // The task owns its connections: they end with it.
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, fault: Arc<Mutex<Fault>>) {
    let mut connections = JoinSet::new();
    let pieces = Arc::new(AtomicUsize::new(0));
    while let Ok((client, _)) = listener.accept().await {
        let fault = *fault.lock().expect("no holder of the lock panics");
        let pieces = Arc::clone(&pieces);
        connections.spawn(async move {
            if let Ok(server) = TcpStream::connect(target).await {
                pass(client, server, fault, &pieces).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(client: TcpStream, server: TcpStream, fault: Fault, pieces: &AtomicUsize) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let requests = async move {
        // Either side may go at any time: that ends the copy, not the test.
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
        from_client
    };
    let answers = async move {
        let end = spoil(&mut from_server, &mut to_client, fault, pieces).await;
        (end, to_client)
    };
    tokio::pin!(requests, answers);
    let mut reader = None;
    let (end, writer) = loop {
        tokio::select! {
            done = &mut requests, if reader.is_none() => reader = Some(done),
            done = &mut answers => break done,
        }
    };
    if end == End::Reset {
        // Zero linger makes the close a reset.
        let _ = writer.as_ref().set_zero_linger();
        // Dropped, it would first say that the answer is complete.
        writer.forget();
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

async fn spoil(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    fault: Fault,
    pieces: &AtomicUsize,
) -> End {
    let mut buffer = [0; 8192];
    let mut left = match fault {
        Fault::Reset(bytes) | Fault::Truncate(bytes) | Fault::Stall(bytes) => Some(bytes),
        Fault::None | Fault::Latency(_) | Fault::Poor(..) => None,
    };
    loop {
        let room = left.map_or(buffer.len(), |left| left.min(buffer.len()));
        if room == 0 {
            // Not before there is more to say: a fault must meet the answer, not the request.
            let Ok(1..) = from.read(&mut buffer[..1]).await else { return End::Closed };
            match fault {
                Fault::Reset(_) => return End::Reset,
                Fault::Stall(_) => std::future::pending().await,
                _ => return End::Closed,
            }
        }
        let Ok(read @ 1..) = from.read(&mut buffer[..room]).await else {
            return End::Closed;
        };
        if let Fault::Latency(delay) | Fault::Poor(delay, _) = fault {
            tokio::time::sleep(delay).await;
        }
        if let Fault::Poor(_, one_of) = fault
            && pieces.fetch_add(1, Ordering::Relaxed) % one_of == one_of - 1
        {
            return End::Reset;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return End::Closed;
        }
        left = left.map(|left| left - read);
    }
}
