//! A 401 that asks for a token decides nothing, and no credentials go to a registry that takes tokens alone.

use super::*;
use crate::model::failure::TokensOnly;

const BEARER: &str = "Bearer realm=\"https://auth.example.test/token\",service=\"registry\"";

fn refusal(status: u16, challenges: &[&str]) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for challenge in challenges {
        headers.append("www-authenticate", HeaderValue::from_str(challenge).unwrap());
    }
    let body = Bytes::from_static(br#"{"errors":[{"code":"UNAUTHORIZED"}]}"#);
    let (method, url, size) = ("PUT".to_owned(), "https://registry.test/v2/a/manifests/b".parse().unwrap(), 36);
    Answer { method, url, status, headers, body, size, digest: None, certificate: None, http2: false, index: 3 }
}

fn word<T>(proof: Result<T, Failure>) -> &'static str {
    match proof {
        Ok(_) => "pass",
        Err(Failure::Fail(_)) => "fail",
        Err(Failure::Error(_, finding)) => {
            let actual = finding.map(|finding| finding.actual).unwrap_or_default();
            if actual.contains("asks for tokens of https://auth.example.test/token") { "token" } else { "error" }
        }
    }
}

#[test]
fn a_401_that_asks_for_a_token_is_undecided_for_every_helper() {
    let combined = format!("Basic realm=\"a\", {BEARER}");
    for challenges in [&[BEARER][..], &["Basic realm=\"a\"", BEARER], &[combined.as_str()]] {
        let answer = refusal(401, challenges);
        assert_eq!(word(answer.expect_status(&[200], &WHY)), "token", "{challenges:?}");
        assert_eq!(word(answer.expect_control(&[201], "ci", &WHY)), "token", "{challenges:?}");
        assert_eq!(word(answer.expect_unauthorized(&WHY)), "token", "{challenges:?}");
        assert_eq!(word(answer.expect_challenged(&WHY)), "token", "{challenges:?}");
        assert_eq!(word(answer.expect_denied(&WHY)), "token", "{challenges:?}");
        // Who asks for the challenge itself gets it.
        assert_eq!(word(answer.expect_status(&[401], &WHY)), "pass", "{challenges:?}");
    }
}

#[test]
fn a_password_is_asked_for_and_a_403_is_a_403() {
    let basic = refusal(401, &["Basic realm=\"bearer of keys\""]);
    assert_eq!((word(basic.expect_unauthorized(&WHY)), word(basic.expect_status(&[200], &WHY))), ("pass", "fail"));
    assert_eq!(basic.asks_for_token(), None);
    let forbidden = refusal(403, &[BEARER]);
    assert_eq!((word(forbidden.expect_denied(&WHY)), word(forbidden.expect_status(&[200], &WHY))), ("pass", "fail"));
}

#[test]
fn a_proxys_own_401_counts_only_with_its_basic_challenge() {
    let page = |challenges: &[&str]| {
        let mut answer = refusal(401, challenges);
        answer.headers.insert("content-type", HeaderValue::from_static("text/html"));
        answer.body = Bytes::from_static(b"<html>no</html>");
        answer
    };
    assert!(matches!(page(&["Basic realm=\"a\""]).expect_challenged(&WHY), Ok(true)));
    assert!(matches!(refusal(401, &["Basic realm=\"a\""]).expect_challenged(&WHY), Ok(false)));
    for challenges in [&[][..], &[BEARER], &["Negotiate"]] {
        assert!(matches!(page(challenges).expect_challenged(&WHY), Err(Failure::Error(..))), "{challenges:?}");
    }
}

fn asking(challenge: &str) -> Raw {
    let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n";
    Raw::saying(format!("{head}WWW-Authenticate: {challenge}\r\n\r\n"))
}

fn careful(server: &Raw) -> Client {
    let mut client = client_with(server, &recorder(), 5000);
    client.route.challenges = Some(Arc::new(Challenges::default()));
    client
}

#[tokio::test]
async fn no_credentials_go_to_a_registry_that_takes_tokens_alone() {
    let server = asking(BEARER);
    let client = careful(&server);
    for _ in 0..2 {
        let error = client.get("/v2/a/tags/list").send().await.expect_err("it is not sent");
        assert!(error.downcast_ref::<TokensOnly>().is_some_and(|tokens| tokens.0.contains("auth.example.test")));
        let Failure::Error(_, Some(finding)) = Failure::from(error) else { panic!("it has no cause") };
        assert!(finding.cause.contains("token"), "{finding:?}");
    }
    client.get("/v2/").without_credential().send().await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "it was asked once, and once without credentials: {requests:?}");
    assert!(requests.iter().all(|request| !request.to_lowercase().contains("authorization")), "{requests:?}");
}

#[tokio::test]
async fn credentials_go_to_a_registry_that_takes_them() {
    for challenge in ["Basic realm=\"a\"", "basic realm=", &format!("Basic realm=\"a\", {BEARER}")] {
        let server = asking(challenge);
        careful(&server).get("/v2/a/tags/list").send().await.unwrap();
        let requests = server.requests();
        let sent = requests.iter().filter(|request| request.to_lowercase().contains("authorization: basic")).count();
        assert_eq!((requests.len(), sent), (2, 1), "{challenge}: {requests:?}");
    }
}

#[tokio::test]
async fn no_credentials_go_where_nothing_answers() {
    let server = Raw::saying("");
    careful(&server).get("/v2/a/tags/list").send().await.expect_err("there is no answer");
    let requests = server.requests();
    assert!(requests.iter().all(|request| !request.to_lowercase().contains("authorization")), "{requests:?}");
}
