//! A raw server in front of a lab, or of nothing: tells one lie, and keeps everything that it was sent.
//!
//! Writes bytes as it likes; no HTTP library stands between a lie and the program under test.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Ask {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn is_anonymous(&self) -> bool {
        self.header("authorization").is_none()
    }

    /// Method and a part of the path.
    pub fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }

    pub fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// An answer that is well-formed, whatever it says.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status: status.to_owned(), headers: vec![], body: body.into() }.with("Content-Type", media_type)
    }

    /// With this header, instead of any of that name.
    pub fn with(self, name: &str, value: impl Into<String>) -> Answer {
        let mut answer = self.without(name);
        answer.headers.push((name.to_owned(), value.into()));
        answer
    }

    pub fn without(mut self, name: &str) -> Answer {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub fn is(&self, status: &str) -> bool {
        self.status.starts_with(status)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        let mut has_length = false;
        for (name, value) in &self.headers {
            has_length |= name.eq_ignore_ascii_case("content-length");
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        if !has_length {
            bytes.extend(format!("Content-Length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend(b"Connection: close\r\n\r\n");
        bytes.extend(&self.body);
        bytes
    }
}

/// What a lie says.
pub enum Say {
    This(Answer),
    Bytes(Vec<u8>),
    /// Whatever it does to the connection; it must end when the other side has gone.
    Act(fn(&mut TcpStream)),
}

/// What a lie may look at.
pub struct Around<'a> {
    pub ask: &'a Ask,
    /// How many requests came before.
    pub nth: usize,
    /// A listener to which nothing may ever come.
    pub sink: SocketAddr,
    /// Where this server listens.
    pub own: SocketAddr,
    lab: SocketAddr,
    /// What the lab answered, if it was asked.
    heard: RefCell<Option<Vec<u8>>>,
    /// For lies that remember.
    pub memory: &'a Mutex<Vec<(String, Answer)>>,
}

impl Around<'_> {
    /// What the lab answers.
    pub fn honest(&self) -> Answer {
        let answer = forward(self.lab, self.ask);
        let answer = answer.unwrap_or_else(|| Answer::new("502 Bad Gateway", "text/plain", "the lab is gone"));
        *self.heard.borrow_mut() = Some(answer.bytes());
        answer
    }
}

pub type Tell = fn(&Around<'_>) -> Say;

/// A running server.
pub struct Front {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Ask>>>,
    sunk: Arc<Mutex<Vec<String>>>,
    told: Arc<AtomicUsize>,
}

impl Front {
    /// `resets`: every connection is closed with its request unread, which the other side sees as a reset.
    pub fn start(lab: SocketAddr, tell: Tell, resets: bool) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let own = listener.local_addr().expect("a bound listener has an address");
        let (sink, sunk) = listening_sink();
        let asked = Arc::new(Mutex::new(vec![]));
        let log = Arc::clone(&asked);
        let (count, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (lies, memory) = (Arc::clone(&told), Arc::new(Mutex::new(vec![])));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if resets {
                    let _ = stream.peek(&mut [0]);
                    lies.fetch_add(1, Ordering::SeqCst);
                    continue;
                }
                let (log, count, memory) = (Arc::clone(&log), Arc::clone(&count), Arc::clone(&memory));
                let lies = Arc::clone(&lies);
                std::thread::spawn(move || {
                    let Some(ask) = read_ask(&mut stream) else { return };
                    log.lock().expect("no holder panics").push(ask.clone());
                    let nth = count.fetch_add(1, Ordering::SeqCst);
                    let heard = RefCell::new(None);
                    let around = Around { ask: &ask, nth, sink, own, lab, heard, memory: &memory };
                    let bytes = match tell(&around) {
                        Say::This(answer) => answer.bytes(),
                        Say::Bytes(bytes) => bytes,
                        Say::Act(act) => {
                            lies.fetch_add(1, Ordering::SeqCst);
                            return act(&mut stream);
                        }
                    };
                    if around.heard.borrow().as_ref() != Some(&bytes) {
                        lies.fetch_add(1, Ordering::SeqCst);
                    }
                    let _ = stream.write_all(&bytes);
                });
            }
        });
        Front { address: own, asked, sunk, told }
    }

    pub fn asked(&self) -> Vec<Ask> {
        self.asked.lock().expect("no holder panics").clone()
    }

    /// How many answers were not the lab's.
    pub fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }

    /// What came to the sink.
    pub fn sunk(&self) -> Vec<String> {
        self.sunk.lock().expect("no holder panics").clone()
    }
}

/// A listener that keeps what it is sent and says that all is well.
fn listening_sink() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    let sunk = Arc::new(Mutex::new(vec![]));
    let log = Arc::clone(&sunk);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                // A connection on which nothing was asked is no request, however long that took.
                let Some(ask) = read_ask(&mut stream) else { return };
                log.lock().expect("no holder panics").push(format!("{ask:?}"));
                let _ = stream.write_all(&Answer::new("200 OK", "application/json", r#"{"token":"sunk"}"#).bytes());
            });
        }
    });
    (address, sunk)
}

fn read_head(stream: &mut impl Read) -> Option<String> {
    let (mut bytes, mut one) = (vec![], [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        if bytes.len() > 1 << 20 || !stream.read(&mut one).is_ok_and(|count| count == 1) {
            return None;
        }
        bytes.push(one[0]);
        // Clients that may use plain http try TLS first, and wait for an answer to their greeting as long as the
        // connection is open.
        if !bytes[0].is_ascii_alphabetic() {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn headers_of(head: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    head.lines().skip(1).filter_map(pair).collect()
}

fn read_ask(stream: &mut TcpStream) -> Option<Ask> {
    let head = read_head(stream)?;
    let mut words = head.lines().next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut ask = Ask { method, target, headers: headers_of(&head), body: vec![] };
    ask.body = body(stream, &ask.headers)?;
    Some(ask)
}

fn body(stream: &mut impl Read, headers: &[(String, String)]) -> Option<Vec<u8>> {
    let header = |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let mut body = vec![];
    if header("transfer-encoding").is_some() {
        loop {
            let mut line = vec![];
            while !line.ends_with(b"\r\n") {
                let mut one = [0];
                stream.read_exact(&mut one).ok()?;
                line.push(one[0]);
            }
            let size = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).ok()?;
            if size == 0 {
                return Some(body);
            }
            body.extend(&chunk[..size]);
        }
    }
    let length = header("content-length").and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    body.resize(length, 0);
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn forward(lab: SocketAddr, ask: &Ask) -> Option<Answer> {
    let mut stream = TcpStream::connect(lab).ok()?;
    let mut bytes = format!("{} {} HTTP/1.1\r\n", ask.method, ask.target).into_bytes();
    for (name, value) in &ask.headers {
        if !["connection", "transfer-encoding", "content-length"].contains(&name.to_ascii_lowercase().as_str()) {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
    }
    bytes.extend(format!("Content-Length: {}\r\nConnection: close\r\n\r\n", ask.body.len()).into_bytes());
    bytes.extend(&ask.body);
    stream.write_all(&bytes).ok()?;
    let head = read_head(&mut stream)?;
    let status = head.lines().next()?.strip_prefix("HTTP/1.1 ")?.to_owned();
    let headers = headers_of(&head);
    let bodiless = ask.method == "HEAD" || status.starts_with("204") || status.starts_with("304");
    let body = if bodiless { vec![] } else { body(&mut stream, &headers)? };
    let mut answer = Answer { status, headers, body }.without("connection").without("transfer-encoding");
    if ask.method != "HEAD" {
        answer = answer.without("content-length");
    }
    Some(answer)
}
