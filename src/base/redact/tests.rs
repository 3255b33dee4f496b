//! That no form of a secret stays, whatever is around it and wherever a text is cut.

use super::*;
use crate::model::exchange::Exchange;
use proptest::prelude::*;

fn redactor() -> Redactor {
    Redactor::new([("zot-ci", "zak_p\"a s&s/word"), ("", "totp-seed")])
}

#[test]
fn every_encoding_of_a_secret_is_replaced() {
    let redactor = redactor();
    for text in [
        "zak_p\"a s&s/word".to_owned(),
        STANDARD.encode("zot-ci:zak_p\"a s&s/word"),
        "zak_p%22a%20s%26s%2Fword".to_owned(),
        "zak_p%22a%20s%26s%2fword".to_owned(),
        "zak_p%22a+s%26s%2Fword".to_owned(),
        r#"zak_p\"a s&s/word"#.to_owned(),
        "zak_p&quot;a s&amp;s/word".to_owned(),
        "totp-seed".to_owned(),
    ] {
        assert!(redactor.leaks(&text), "{text}");
        let clean = redactor.text(&format!("a {text} b"));
        assert_eq!(clean, format!("a {REDACTED} b"));
    }
}

#[test]
fn a_minted_key_is_in_no_text_at_all() {
    let text = "the key zak_0123456789abcdef0123456789abcdef, and zak_…";
    assert_eq!(redactor().text(text), format!("the key {REDACTED}, and zak_…"));
}

#[test]
fn a_secret_within_any_longer_base64_is_replaced() {
    let secret = "zak_0123456789abcdef";
    let redactor = Redactor::new([("zot-ci", secret)]);
    for before in ["", "B", "Ba", "Bas", "Authorization: Basic "] {
        for after in ["", "x", "xy", "xyz"] {
            for encoded in [
                STANDARD.encode(format!("{before}{secret}{after}")),
                URL_SAFE_NO_PAD.encode(format!("{before}zot-ci:{secret}{after}")),
            ] {
                assert!(redactor.leaks(&encoded), "{before} {after}");
                assert!(!redactor.leaks(&redactor.text(&encoded)));
            }
        }
    }
}

#[test]
fn a_secret_that_the_limit_would_cut_in_two_leaves_no_part() {
    let redactor = Redactor::new([("zot-ci", "zak_0123456789abcdef")]);
    for limit in 0..60 {
        let start = redactor.start("some text é before zak_0123456789abcdef and after", limit);
        assert!(!start.contains("zak_0") && start.len() <= limit, "{limit}: {start}");
    }
}

#[test]
fn cookies_codes_and_minted_keys_never_stay() {
    let exchange = Exchange {
        url: "http://r/zot/auth/callback/oidc?code=abc&state=x".into(),
        request_headers: vec![("Cookie".into(), "session=abc".into())],
        response_headers: vec![("Set-Cookie".into(), "session=abc; Path=/; HttpOnly".into())],
        response_body: r#"{"apiKey":"zak_0123456789abcdef0123456789abcdef"}"#.into(),
        ..Exchange::default()
    };
    let clean = exchange.redacted(&redactor());
    assert_eq!(clean.url, "http://r/zot/auth/callback/oidc?code=<redacted>&state=x");
    assert_eq!(clean.request_headers[0].1, REDACTED);
    assert_eq!(clean.response_headers[0].1, "session=<redacted>; Path=/; HttpOnly");
    assert_eq!(clean.response_body, r#"{"apiKey":"<redacted>"}"#);
}

#[test]
fn one_redactor_of_several_knows_what_each_knows_and_tells_none_of_it() {
    let other = Redactor::new([("", "another-secret")]);
    let all = Redactor::all([&redactor(), &other]);
    assert!(all.leaks("totp-seed") && all.leaks("another-secret"));
    assert!(!other.leaks("totp-seed"));
    let shown = format!("{all:?}");
    assert!(shown.contains("forms") && !all.leaks(&shown), "{shown}");
}

#[test]
fn what_was_learnt_is_known_to_all_that_came_of_it_and_forgotten_in_time() {
    let one = redactor();
    let all = Redactor::all([&one, &redactor()]);
    one.learn("zot-ci", "minted-in-this-run");
    let echoed = format!("Basic {}", STANDARD.encode("zot-ci:minted-in-this-run"));
    for redactor in [&one, &all] {
        assert!(redactor.leaks(&echoed) && !redactor.leaks(&redactor.text(&echoed)));
    }
    for number in 0..MOST_LEARNT {
        one.learn("", &format!("another-secret-{number}"));
    }
    assert!(!one.leaks("minted-in-this-run") && one.leaks("another-secret-0"));
    assert!(one.leaks("zak_0123456789abcdef0123456789abcdef"), "the last gate knows what no scenario lists");
}

#[test]
fn what_comes_before_a_limit_is_kept() {
    let redactor = Redactor::new([("zot-ci", "zak_0123456789abcdef")]);
    assert_eq!(redactor.start("some text é", 4), "some");
    assert_eq!(redactor.start("some text é", 11), "some text ");
    assert_eq!(redactor.start("some", 400), "some");
    assert_eq!(redactor.start("some zak_0123456789abcdef", 15), format!("some {REDACTED}")[..15]);
}

#[test]
fn a_code_in_a_redirect_does_not_stay() {
    let location = "https://r/cb?state=x&code=abc&id_token=b&access_token=c&id_token_hint=d&flag";
    let exchange = Exchange {
        response_headers: vec![("Location".into(), location.into()), ("Server".into(), "a?code=kept".into())],
        request_headers: vec![
            ("AUTHORIZATION".into(), "Basic eA==".into()),
            ("Proxy-Authorization".into(), "x".into()),
        ],
        ..Exchange::default()
    };
    let clean = exchange.redacted(&redactor());
    let gone = "state=x&code=<redacted>&id_token=<redacted>&access_token=<redacted>&id_token_hint=<redacted>&flag";
    assert_eq!(clean.response_headers[0].1, format!("https://r/cb?{gone}"));
    assert_eq!(clean.response_headers[1].1, "a?code=kept");
    assert!(clean.request_headers.iter().all(|(_, value)| value == REDACTED));
}

#[test]
fn a_key_is_one_from_sixteen_digits_on_and_what_follows_it_stays() {
    for (text, clean) in [
        ("zak_0123456789abcdeg", "zak_0123456789abcdeg".to_owned()),
        ("zak_0123456789abcdef, zak_0", format!("{REDACTED}, zak_0")),
        ("zak_zak_0123456789abcdefzak_", format!("zak_{REDACTED}zak_")),
        ("12zak_ab 34", "12zak_ab 34".to_owned()),
    ] {
        assert_eq!(api_keys(text), clean);
    }
}

#[test]
fn what_base64_makes_of_a_secret_alone_goes_as_a_whole() {
    for secret in ["zak_0123456789abcd", "zak_0123456789abcde", "zak_0123456789abcdef"] {
        let encoded = STANDARD.encode(secret);
        let kept = Redactor::new([("", secret)]).text(&encoded);
        let aligned = secret.len().is_multiple_of(3);
        assert_eq!(kept == REDACTED, aligned, "{kept}");
        assert!(kept.len() <= REDACTED.len() + 3, "{kept}");
    }
}

#[test]
fn a_secret_too_short_to_be_told_from_text_is_no_secret() {
    assert!(!Redactor::new([("", "12345")]).leaks("12345"));
    assert!(Redactor::new([("", "123456")]).leaks("123456"));
}

#[test]
fn a_window_is_as_much_as_is_needed_and_no_more() {
    let (redactor, text) = (redactor(), "x".repeat(4000));
    let shown = |window: usize| redactor.start_of(&text[..window], 50, false).len();
    let window = redactor.window(50);
    assert_eq!((shown(window), shown(window - 1), shown(4000)), (50, 49, 50));
}

proptest! {
    #[test]
    fn many_secrets_before_the_limit_bring_no_part_of_one_below_it(
        times in 1usize..80, padding in 0usize..400, form in 0usize..60, limit in 100usize..600, cut in 0usize..400,
    ) {
        let redactor = Redactor::new([("zot-ci", "zak_0123456789abcdef0123456789abcdef")]);
        let form = &redactor.forms.list[form % redactor.forms.list.len()];
        let text = format!("{}{}", "-".repeat(padding), format!("{form} ").repeat(times));
        // The reader may have stopped anywhere.
        for (text, whole) in [(text.as_str(), true), (&text[..text.len().saturating_sub(cut)], false)] {
            let start = redactor.start_of(text, limit, whole);
            let part = form.as_bytes().windows(12.min(form.len())).any(|part| start.as_bytes().windows(part.len()).any(|w| w == part));
            prop_assert!(!part, "{start}");
        }
    }

    #[test]
    fn no_text_around_a_secret_hides_it(before in ".{0,20}", secret in "[ -~]{8,24}", after in ".{0,20}") {
        let redactor = Redactor::new([("u", secret.as_str())]);
        let text = [before, secret, after].concat();
        prop_assert!(!redactor.leaks(&redactor.text(&text)));
    }
}
