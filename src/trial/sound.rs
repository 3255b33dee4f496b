//! Sound deployments that once did not pass: a server that hangs up on malformed requests, tags that others delete, lists by age.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::Lab;
use crate::model::outcome::{Outcome, Verdict};
use crate::trial::run_scenario;

/// What the server in front of the lab does with a request, by its first line and how often such a line came.
#[derive(Clone, Copy)]
enum Does {
    Pass,
    HangUp,
    Say(&'static str),
}

type Front = fn(&str, usize) -> Does;

/// The check on the healthy lab behind this server.
async fn behind(id: &str, front: Front) -> Outcome {
    let lab = Lab::healthy().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (to, counts) = (lab.url().trim_start_matches("http://").to_owned(), Arc::new(Counts::default()));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, to.clone(), front, Arc::clone(&counts)));
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let file = lab.write_scenario(folder.path()).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&format!("url = \"{}\"", lab.url()), &format!("url = \"{url}\""))).unwrap();
    run_scenario(id, &file).await
}

/// How often each request came.
#[derive(Default)]
struct Counts(std::sync::Mutex<std::collections::BTreeMap<String, AtomicUsize>>);

impl Counts {
    fn next(&self, line: &str) -> usize {
        self.0.lock().unwrap().entry(line.to_owned()).or_default().fetch_add(1, Ordering::Relaxed)
    }
}

async fn pass(mut client: TcpStream, lab: String, front: Front, counts: Arc<Counts>) -> std::io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    let end = loop {
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&buffer[..read]);
    };
    let line = String::from_utf8_lossy(&head[..end]).lines().next().unwrap_or_default().to_owned();
    match front(&line, counts.next(&line)) {
        Does::HangUp => Ok(()),
        Does::Say(answer) => client.write_all(answer.as_bytes()).await,
        Does::Pass => {
            let mut server = TcpStream::connect(lab).await?;
            server.write_all(line.as_bytes()).await?;
            server.write_all(b"\r\nConnection: close").await?;
            server.write_all(&head[line.len()..]).await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            Ok(())
        }
    }
}

async fn proven(id: &str, front: Front) -> Outcome {
    let outcome = behind(id, front).await;
    assert_eq!(outcome.verdict, Verdict::Pass, "{id}: {:#?} {:#?}", outcome.finding, outcome.cases);
    outcome
}

/// zot with its pages hangs up on a path with two slashes.
#[tokio::test]
async fn a_closed_connection_on_a_malformed_request_is_a_refusal_while_the_registry_answers() {
    const ID: &str = "bypass::path_tricks_do_not_open_doors";
    proven(ID, |line, _| if line.contains("//") || line.contains("..") { Does::HangUp } else { Does::Pass }).await;
    // A registry that hangs up once has not refused: the second answer counts.
    let slips = |line: &str, count| match line.contains("//") || line.contains("..") {
        true if count == 0 => Does::HangUp,
        true => Does::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}"),
        false => Does::Pass,
    };
    assert_eq!(behind(ID, slips).await.verdict, Verdict::Fail);
    // A registry that is gone refuses nothing.
    let dies = |line: &str, count| match line {
        "GET /v2/ HTTP/1.1" if count > 3 => Does::HangUp,
        line if line.contains("//") || line.contains("..") => Does::HangUp,
        _ => Does::Pass,
    };
    let outcome = behind(ID, dies).await;
    assert_eq!(outcome.verdict, Verdict::Error, "{:#?}", outcome.cases);
}

const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const ONE_TAG: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52\r\nConnection: close\r\n\r\n\
    {\"name\":\"blumeops/navidrome\",\"tags\":[\"short-lived\"]}";
const TWO_TAGS: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 61\r\nConnection: close\r\n\r\n\
    {\"name\":\"blumeops/navidrome\",\"tags\":[\"short-lived\",\"latest\"]}";

/// A tag is deleted after it was listed.
#[tokio::test]
async fn a_tag_that_others_delete_meanwhile_is_no_finding() {
    for id in ["access::anonymous_can_pull", "clients::anonymous_pull_works_for_every_client"] {
        proven(id, |line, count| match line {
            line if line.contains("/tags/list") && count == 0 => Does::Say(ONE_TAG),
            line if line.contains("/manifests/short-lived") => Does::Say(GONE),
            _ => Does::Pass,
        })
        .await;
    }
    // In an order that is not the alphabet's, as registries list that go by age.
    let outcome = proven("content::sampled_images_are_whole", |line, _| match line {
        line if line.contains("/tags/list") => Does::Say(TWO_TAGS),
        line if line.contains("/manifests/short-lived") => Does::Say(GONE),
        _ => Does::Pass,
    })
    .await;
    assert!(outcome.notes.iter().any(|note| note.starts_with("1 image;")), "{:?}", outcome.notes);
}
