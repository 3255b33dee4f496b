//! Lies of what stands in the registry's place, or breaks HTTP itself.

use super::front::Say;
use super::lies::{EVERY, JSON, Lie, NASTY, PAGE, echo, error, every, forever, hold, lie, redirect};

/// What stands in the registry's place, or breaks HTTP itself.
pub const INSTEAD: &[Lie] = &[
    lie("accepts_and_never_answers", EVERY, |_| Say::Act(hold)),
    lie("closes_without_an_answer", EVERY, |_| Say::Bytes(vec![])),
    lie("half_closes_and_holds", EVERY, |_| {
        Say::Act(|stream| {
            let _ = stream.shutdown(std::net::Shutdown::Write);
            hold(stream);
        })
    }),
    lie("http_0_9", EVERY, |_| Say::Bytes(b"<html>ok</html>".to_vec())),
    lie("another_protocol", EVERY, |_| Say::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
    lie("binary_noise", EVERY, |_| Say::Bytes((0..=255).cycle().take(5000).collect())),
    lie("a_status_of_four_digits", EVERY, |_| Say::Bytes(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n".to_vec())),
    lie("an_unknown_status", EVERY, |_| every("999 Sure", JSON, "{}")),
    lie("endless_status_line", EVERY, |_| Say::Act(|stream| forever(stream, b"HTTP/1.1 200 ", &[b'O'; 9000], 1))),
    lie("endless_headers", EVERY, |_| {
        Say::Act(|stream| forever(stream, b"HTTP/1.1 200 OK\r\n", b"X-More: more and more and more\r\n", 1))
    }),
    lie("header_flood", EVERY, |_| {
        let flood: String = (0..5000).map(|n| format!("X-{n}: {n}\r\n")).collect();
        Say::Bytes(format!("HTTP/1.1 200 OK\r\n{flood}Content-Length: 0\r\n\r\n").into_bytes())
    }),
    lie("interim_answers_without_end", EVERY, |_| {
        Say::Act(|stream| forever(stream, b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 1))
    }),
    lie("slow_headers", EVERY, |_| Say::Act(|stream| forever(stream, b"HTTP/1.1 200 OK\r\n", b"A: b\r\n", 200))),
    lie("slow_body", EVERY, |_| {
        Say::Act(|stream| forever(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n", b"{", 200))
    }),
    lie("endless_body", EVERY, |_| {
        Say::Act(|stream| {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            forever(stream, head, &[b"8000\r\n", [b' '; 0x8000].as_slice(), b"\r\n"].concat(), 0);
        })
    }),
    lie("truncated_body", EVERY, |_| every("200 OK", JSON, "{}").lengthened("1000")),
    lie("two_lengths", EVERY, |_| {
        Say::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}".to_vec())
    }),
    lie("a_negative_length", EVERY, |_| every("200 OK", JSON, "{}").lengthened("-2")),
    lie("an_enormous_length", EVERY, |_| every("200 OK", JSON, "{}").lengthened("18446744073709551615")),
    lie("broken_chunks", EVERY, |_| {
        Say::Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}".to_vec())
    }),
    lie("gzip_bomb", EVERY, |_| match every("200 OK", JSON, [[0x1f, 0x8b, 8, 0].as_slice(), &[0; 9000]].concat()) {
        Say::This(answer) => Say::This(answer.with("Content-Encoding", "gzip")),
        other => other,
    }),
    lie("login_page_with_200", EVERY, |_| every("200 OK", "text/html", PAGE)),
    lie("login_page_called_json", EVERY, |_| every("200 OK", JSON, PAGE)),
    lie("answers_200_to_everything", EVERY, |_| every("200 OK", "text/plain", "")),
    lie("answers_200_and_an_empty_object", EVERY, |_| every("200 OK", JSON, "{}")),
    lie("answers_201_to_everything", EVERY, |around| {
        every("201 Created", JSON, "{}").located(&format!("{}/1", around.ask.target))
    }),
    lie("answers_202_to_everything", EVERY, |around| {
        every("202 Accepted", JSON, "{}").located(&format!("{}/1", around.ask.target))
    }),
    lie("answers_204_to_everything", EVERY, |_| Say::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec())),
    lie("answers_401_to_everything", EVERY, |_| Say::This(error("401 Unauthorized", "UNAUTHORIZED", "no"))),
    lie("answers_403_to_everything", EVERY, |_| Say::This(error("403 Forbidden", "DENIED", "no"))),
    lie("answers_404_to_everything", EVERY, |_| Say::This(error("404 Not Found", "NAME_UNKNOWN", "no"))),
    lie("answers_405_to_everything", EVERY, |_| Say::This(error("405 Method Not Allowed", "UNSUPPORTED", "no"))),
    lie("answers_429_to_everything", EVERY, |_| Say::This(error("429 Too Many Requests", "TOOMANYREQUESTS", "no"))),
    lie("answers_500_to_everything", EVERY, |_| every("500 Internal Server Error", "text/plain", "")),
    lie("answers_503_page", EVERY, |_| every("503 Service Unavailable", "text/html", PAGE)),
    lie("proxy_401_page", EVERY, |_| every("401 Unauthorized", "text/html", PAGE)),
    lie("proxy_403_page", EVERY, |_| every("403 Forbidden", "text/html", PAGE)),
    lie("redirect_elsewhere", EVERY, |around| redirect(around, "302 Found", "http://SINK/v2/")),
    lie("redirect_elsewhere_with_the_body", EVERY, |around| {
        redirect(around, "307 Temporary Redirect", "http://SINK/v2/")
    }),
    lie("redirect_for_good", EVERY, |around| redirect(around, "308 Permanent Redirect", "//SINK/v2/")),
    lie("redirect_with_user_information", EVERY, |around| redirect(around, "301 Moved", "http://OWN@SINK/v2/")),
    lie("redirect_to_itself", EVERY, |around| redirect(around, "302 Found", &around.ask.target)),
    lie("redirect_to_another_scheme", EVERY, |around| redirect(around, "302 Found", "https://OWN/v2/")),
    lie("redirect_to_a_file", EVERY, |around| redirect(around, "302 Found", "file:///etc/passwd")),
    lie("redirect_to_metadata", EVERY, |around| redirect(around, "303 See Other", "http://169.254.169.254/latest")),
    lie("echo_in_the_body", EVERY, |around| Say::This(error("401 Unauthorized", "UNAUTHORIZED", &echo(around)))),
    lie("echo_at_the_cut_of_the_evidence", EVERY, |around| {
        every("200 OK", "text/plain", format!("{}{}", "x".repeat(2040), echo(around)))
    }),
    lie("echo_without_end_up_to_the_cut", EVERY, |around| {
        // Each is replaced by something shorter, which moves one that is cut in two below what is shown.
        let sent = around.ask.header("authorization").unwrap_or("Basic none").to_owned();
        every("200 OK", "text/plain", format!("{}{}", "x".repeat(7 * around.nth % 61), format!("{sent}\n").repeat(200)))
    }),
    lie("echo_in_headers_and_cookies", EVERY, |around| {
        let echo = echo(around);
        let answer = error("401 Unauthorized", "UNAUTHORIZED", "no").with("X-Echo", echo.as_str());
        let answer =
            answer.with("Set-Cookie", format!("a={echo}; Path=/{echo}")).with("Location", format!("/?q={echo}"));
        Say::This(answer.with("WWW-Authenticate", format!("Basic realm=\"{echo}\"")))
    }),
    lie("echo_in_the_reason", EVERY, |around| {
        Say::This(error(&format!("403 {}", echo(around)), "DENIED", "no").with("X-Reason", echo(around)))
    }),
    lie("nasty_error_texts", EVERY, |_| Say::This(error("403 Forbidden", NASTY, NASTY))),
];
