//! The wire against raw servers: what is sent, what is never sent, what is never believed, and how long it takes.
//!
//! The servers write bytes as they like; no HTTP library stands in between.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

use base64::Engine as _;

use super::*;
use crate::base::redact::Redactor;
use crate::model::effect::Effect;
use crate::model::failure::{Failure, Why};

mod tokens;

const SECRET: &str = "zak_canary0123456789";
const WHY: Why<'static> = Why { claim: "a claim", cause: "a cause", remedy: "a remedy" };

/// A server that does one thing to every connection, and keeps what it was sent.
struct Raw {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    fn serve(handle: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Raw {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(vec![]));
        let (log, handle) = (Arc::clone(&requests), Arc::new(handle));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, log, handle) = (stream.unwrap(), Arc::clone(&log), Arc::clone(&handle));
                std::thread::spawn(move || {
                    let request = request(&mut stream);
                    log.lock().unwrap().push(request);
                    handle(&mut stream);
                });
            }
        });
        Raw { address, requests }
    }

    /// Answers every connection with these bytes, then closes it.
    fn saying(answer: impl Into<Vec<u8>>) -> Raw {
        let answer = answer.into();
        Raw::serve(move |stream| {
            let _ = stream.write_all(&answer);
        })
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    fn origin(&self) -> Origin {
        Origin::of(&Url::parse(&format!("http://{}", self.address)).unwrap())
    }
}

/// The head of a request, and its body if it has one.
fn request(stream: &mut TcpStream) -> String {
    let mut bytes = vec![];
    let mut one = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut one).is_ok_and(|count| count == 1) {
        bytes.push(one[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    let _ = stream.read_exact(&mut body);
    head + &String::from_utf8_lossy(&body)
}

fn recorder() -> Recorder {
    Recorder::new(Arc::new(Redactor::new([("ci", SECRET)])))
}

fn client_with(server: &Raw, recorder: &Recorder, timeout_ms: u64) -> Client {
    let route = Route { timeout: Duration::from_millis(timeout_ms), ..Route::default() };
    let guard = Guard {
        effect: Effect::Writes,
        scratch: Some("scratch".to_owned()),
        ends_sessions: false,
        key: guard::KeyUse::None,
        cleared: guard::Cleared::all(),
    };
    let credential = Credential { username: "ci".to_owned(), secret: Secret::new(SECRET.to_owned()) };
    Client::new(&route, server.origin(), "ci", Some(credential), Arc::new(guard), recorder.clone()).unwrap()
}

fn client(server: &Raw) -> (Client, Recorder) {
    let recorder = recorder();
    (client_with(server, &recorder, 60_000), recorder)
}

/// What a request to this server ends in, as text.
async fn fault(server: &Raw) -> String {
    fault_within(server, 60_000).await
}

/// The same with a limit, in milliseconds, for a server that never comes to an end.
async fn fault_within(server: &Raw, limit: u64) -> String {
    let recorder = recorder();
    let client = client_with(server, &recorder, limit);
    let error = client.get("/v2/").send().await.expect_err("this answer must not be believed");
    let exchanges = recorder.exchanges();
    assert_eq!(exchanges.len(), 1, "a failed exchange is evidence too");
    assert!(exchanges[0].error.is_some());
    format!("{error:#}")
}

#[tokio::test]
async fn a_request_names_its_program_asks_for_no_encoding_and_carries_its_credential() {
    // It hears one request on each connection, and says so.
    let server = Raw::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    let (client, _) = client(&server);
    client.get("/v2/?a=b").send().await.unwrap();
    client.get("/v2/").without_credential().send().await.unwrap();
    let requests = server.requests();
    assert!(requests[0].starts_with("GET /v2/?a=b HTTP/1.1\r\n"), "{}", requests[0]);
    for line in ["user-agent: regproof/", "accept-encoding: identity", "authorization: Basic "] {
        assert!(requests[0].to_lowercase().contains(&line.to_lowercase()), "{line}: {}", requests[0]);
    }
    assert!(!requests[1].to_lowercase().contains("authorization"), "{}", requests[1]);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_never_followed() {
    let sink = Raw::saying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let port = sink.address.port();
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://{}/v2/", sink.address),
            format!("//{}/v2/", sink.address),
            format!("http://127.0.0.1@{}/v2/", sink.address),
            format!("http://localhost:{port}/v2/"),
            "/v2/elsewhere".to_owned(),
        ] {
            let server = Raw::saying(format!(
                "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            ));
            let (client, _) = client(&server);
            let answer = client.get("/v2/").send().await.unwrap();
            assert_eq!(answer.status, status);
            assert_eq!(server.requests().len(), 1, "{status} {location}");
        }
    }
    assert_eq!(sink.requests().len(), 0);
}

#[tokio::test]
async fn an_upload_goes_on_only_below_its_own_repository_on_its_own_origin() {
    for (location, expected) in [
        ("/v2/scratch/blobs/uploads/1?_state=x", Some("/v2/scratch/blobs/uploads/1?_state=x")),
        ("http://SELF/v2/scratch/blobs/uploads/1", Some("/v2/scratch/blobs/uploads/1")),
        ("http://127.0.0.1:1/v2/scratch/blobs/uploads/1", None),
        ("https://SELF/v2/scratch/blobs/uploads/1", None),
        ("//evil.test/v2/scratch/blobs/uploads/1", None),
        ("http://u:p@SELF/v2/scratch/blobs/uploads/1", None),
        ("/v2/other/blobs/uploads/1", None),
        ("/v2/scratch/blobs/uploads/../../../other/blobs/uploads/1", None),
        ("/v2/scratch/blobs/uploads/%2e%2e/%2e%2e/%2e%2e/other/manifests/v1", None),
        ("", None),
        ("http://[", None),
    ] {
        let server = Raw::serve(move |stream| {
            let location = location.replace("SELF", &stream.local_addr().unwrap().to_string());
            let _ = write!(
                stream,
                "HTTP/1.1 202 Accepted\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
        });
        let (client, _) = client(&server);
        let answer = client.post("/v2/scratch/blobs/uploads/").send().await.unwrap();
        match (answer.expect_upload_location("scratch", &WHY), expected) {
            (Ok(target), Some(expected)) => assert_eq!(target, expected),
            (Err(Failure::Fail(_)), None) => {}
            (other, _) => panic!("{location}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_body_has_a_limit_whatever_its_length_says() {
    let body = vec![b'x'; 2 << 20];
    let honest = [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat();
    assert!(fault(&Raw::saying(honest)).await.contains("longer than 1048576 bytes"));
    let endless = Raw::serve(|stream| {
        let chunk = [b"10000\r\n", vec![b'x'; 1 << 16].as_slice(), b"\r\n"].concat();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while stream.write_all(&chunk).is_ok() {}
    });
    assert!(fault(&endless).await.contains("longer than"));
}

#[tokio::test]
async fn no_request_can_lift_the_limit_on_what_is_kept_and_a_hashed_body_is_not_kept() {
    let endless = Raw::serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9437184\r\n\r\n");
        let _ = stream.write_all(&vec![b'x'; 9 << 20]);
    });
    let recorder = recorder();
    let client = client_with(&endless, &recorder, 10_000);
    let error = client.get("/v2/").limit(usize::MAX).send().await.unwrap_err();
    assert!(error.to_string().contains("longer than 8388608 bytes"), "{error}");
    let answer = client.get("/v2/").limit(16 << 20).hashed().send().await.unwrap();
    assert_eq!((answer.size, answer.body.len()), (9 << 20, 4 * SHOWN));
    assert_eq!(answer.digest, Some(crate::model::image::digest_of(&vec![b'x'; 9 << 20])));
}

#[tokio::test]
async fn many_long_bodies_all_arrive() {
    let server = Raw::serve(|stream| {
        let part = [b"10000\r\n", vec![b'x'; 1 << 16].as_slice(), b"\r\n"].concat();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let _ = stream.write_all(&[part.repeat(40).as_slice(), b"0\r\n\r\n"].concat());
    });
    let recorder = recorder();
    let client = client_with(&server, &recorder, 20_000);
    let long = (0..9).map(|_| client.get("/v2/").limit(MANIFEST_LIMIT).send());
    for answer in futures::future::join_all(long).await {
        assert_eq!(answer.unwrap().body.len(), 40 << 16);
    }
}

#[tokio::test]
async fn headers_have_a_limit() {
    let many: String = (0..500).map(|n| format!("X-{n}: {}\r\n", "y".repeat(100))).collect();
    fault(&Raw::saying(format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n"))).await;
    let wide = format!("HTTP/1.1 200 OK\r\nX-Wide: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(80 << 10));
    assert!(fault(&Raw::saying(wide)).await.contains("bytes of headers"));
    let endless = Raw::serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Endless: ");
        while stream.write_all(&[b'y'; 4096]).is_ok() {}
    });
    fault(&endless).await;
}

#[tokio::test]
async fn every_kind_of_slowness_ends_at_the_limit() {
    let silent = Raw::serve(|_| std::thread::sleep(Duration::from_secs(3)));
    // The time that passed, not a limit of another kind.
    let began = Instant::now();
    let told = fault_within(&silent, 600).await;
    let seconds = told.rsplit_once("no complete answer in ").and_then(|(_, time)| time.strip_suffix('s')?.parse().ok());
    let passed = began.elapsed().as_secs_f64() + 0.1;
    assert!(seconds.is_some_and(|seconds: f64| (0.5..passed).contains(&seconds)), "{told}");
    let slow_body = Raw::serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(fault_within(&slow_body, 600).await.contains(" in "));
    let slow_headers = Raw::serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"A: b\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(fault_within(&slow_headers, 600).await.contains(" in "));
}

/// With pauses: without, hyper parses on until tokio makes it yield, which takes seconds in a build without optimisation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_interim_answers_ends_at_the_limit() {
    let flood = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let paced = Raw::serve(move |stream| {
        while stream.write_all(&flood).is_ok() {
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    assert!(fault_within(&paced, 600).await.contains(" in "));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        "<html>not even a status line</html>",
        "HTTP/0.9 200\r\n\r\n",
        "HTTP/1.1 2 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        fault(&Raw::saying(text)).await;
    }
    let reset = Raw::serve(|stream| {
        let _ = stream.shutdown(Shutdown::Both);
    });
    fault(&reset).await;
}

#[tokio::test]
async fn an_encoding_that_was_not_asked_for_is_a_fault() {
    for encoding in ["gzip", "br", "zstd", "GZIP", "identity, gzip"] {
        let server =
            Raw::saying(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 2\r\n\r\n{{}}"));
        assert!(fault(&server).await.contains("not asked for"), "{encoding}");
    }
    let server = Raw::saying("HTTP/1.1 200 OK\r\nContent-Encoding: Identity\r\nContent-Length: 2\r\n\r\n{}");
    client(&server).0.get("/v2/").send().await.unwrap();
}

#[tokio::test]
async fn a_secret_that_the_server_echoes_anywhere_is_not_in_the_transcript() {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("ci:{SECRET}"));
    let filler = "x".repeat(SHOWN - 10);
    for body in [SECRET.to_owned(), pair.clone(), format!("{filler}{SECRET}{filler}"), format!("{filler}{pair}")] {
        let server = Raw::saying(format!(
            "HTTP/1.1 403 {SECRET} {pair}\r\nX-Echo: Basic {pair}\r\nX-{SECRET}: {SECRET}\r\nSet-Cookie: a={SECRET}; \
             Path=/{SECRET}\r\nLocation: http://{SECRET}.test/{pair}\r\nWWW-Authenticate: Basic realm=\"{pair}\"\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let (client, recorder) = client(&server);
        client.get(format!("/v2/{SECRET}/tags/list")).send().await.unwrap();
        let text = format!("{:?}", recorder.exchanges());
        assert!(!text.contains("canary"), "{text}");
        for part in [4, 12, 20].map(|at| &pair[at..at + 10]) {
            assert!(!text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("<redacted>"));
    }
}

#[tokio::test]
async fn an_empty_body_says_that_it_is_empty() {
    let server = Raw::saying("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let (client, _) = client(&server);
    let target = "/v2/scratch/blobs/uploads/";
    client.post(target).send().await.expect("it is answered");
    client.put("/v2/scratch/manifests/v1").body("a/b", Bytes::new()).send().await.expect("it is answered");
    client.get("/v2/").send().await.expect("it is answered");
    let said: Vec<bool> =
        server.requests().iter().map(|head| head.to_ascii_lowercase().contains("content-length: 0\r\n")).collect();
    assert_eq!(said, [true, true, false]);
}

#[tokio::test]
async fn what_the_guard_refuses_opens_no_connection() {
    let server = Raw::saying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let (client, recorder) = client(&server);
    for target in [
        "/v2/production/manifests/v1",
        "/v2/scratch/../production/manifests/v1",
        "/v2/scratch/manifests/%2e%2e/%2e%2e/production/manifests/v1",
        "/v2/scratch/manifests/.\t./../production/manifests/v1",
        "/v2/scratch/blobs/..\\..\\production\\manifests\\v1",
    ] {
        let error = client.put(target).body("a/b", "x").send().await.unwrap_err();
        assert!(error.to_string().contains("not sent"), "{error}");
        client.delete(target).send().await.unwrap_err();
    }
    client.head("/v2/scratch/manifests/../../production/blobs/sha256:00").send().await.unwrap_err();
    client.head("/v2/production/%62lobs/sha256:00").send().await.unwrap_err();
    assert_eq!((server.requests().len(), recorder.exchanges().len()), (0, 0));
}

#[tokio::test]
async fn a_connection_that_is_refused_says_so() {
    // Bound, so that nobody else can listen there either.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let gone = Raw { address: socket.local_addr().unwrap(), requests: Arc::default() };
    assert!(fault(&gone).await.contains("cannot connect"));
}

/// Run once more below, with the environment of a machine behind a proxy.
#[tokio::test]
async fn a_request_goes_straight_to_its_origin() {
    let server = Raw::saying("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let (client, _) = client(&server);
    client.get("/v2/").send().await.unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let sink = Raw::saying("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    let proxy = format!("http://{}", sink.address);
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "http::tests::a_request_goes_straight_to_its_origin"]).env_remove("NO_PROXY");
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, &proxy);
    }
    let output = again.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(sink.requests().len(), 0);
}
