//! Each symptom in an operator's words: a code, what is the matter, why it may be, what to do.
//!
//! Pure text.

use super::{Facts, Person, Symptom, authority};

/// A symptom in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Known to `regproof explain`.
    pub(crate) code: &'static str,
    pub(crate) summary: String,
    pub(crate) cause: String,
    pub(crate) remedy: String,
}

/// All codes, each with what `explain` says of it.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("name-does-not-resolve", "This machine finds no address for the host name of `registry.url`."),
    ("connection-refused", "The host answers, and nothing listens on this port: the registry or its proxy is stopped."),
    (
        "registry-unreachable",
        "No connection to the registry was made. A firewall, a route or a host that is off may be the cause.",
    ),
    (
        "certificate-not-trusted",
        "The certificate is signed by an authority that this machine does not trust. Name a private authority in \
         `[registry] ca_file`.",
    ),
    ("certificate-expired", "The certificate of the registry or its proxy has expired."),
    ("certificate-for-another-name", "The certificate is valid, but for another name than `registry.url` has."),
    ("no-tls-on-this-port", "`registry.url` says https, but the port speaks plain HTTP."),
    ("tls-expected", "`registry.url` says http, but the port speaks only TLS."),
    ("no-answer", "A connection was made, and no complete answer came within `[limits] request_timeout`."),
    (
        "login-page",
        "A web page answers below `/v2/`, or a redirect to one. Container clients cannot log in there. A proxy that asks for \
         a login must leave out `/v2/`: the registry protects it.",
    ),
    ("gateway-error", "The proxy answers 502, 503 or 504: the registry behind it does not answer."),
    ("registry-error", "The registry or its proxy has an internal error and answers 500."),
    ("too-many-requests", "The registry or its proxy refuses requests because they come too fast: 429."),
    (
        "content-encoding",
        "Answers are compressed although the request did not allow it. The bytes of a manifest are hashed, so clients read \
         another digest.",
    ),
    (
        "credentials-stripped",
        "Requests with credentials get the answers of anonymous clients. Something in front of the registry drops the \
         Authorization header.",
    ),
    ("credentials-refused", "The registry answers 401 to the name and the secret of an identity."),
    ("right-missing", "The registry knows an identity, and answers 403 to a request that the identity is promised."),
    ("no-such-repository", "The scenario promises something about a repository that the registry does not have."),
    ("body-limit", "Something in front of the registry refuses bodies of this size: 413."),
    (
        "method-refused",
        "Something in front of the registry refuses this method: it answers 405 without the registry's error body.",
    ),
    ("not-the-registry", "The answer is 404 without the registry's error body: something else serves the path."),
];

impl Symptom {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Symptom::NoSuchHost => "name-does-not-resolve",
            Symptom::Refused => "connection-refused",
            Symptom::Unreachable => "registry-unreachable",
            Symptom::Untrusted => "certificate-not-trusted",
            Symptom::Expired => "certificate-expired",
            Symptom::ForeignName => "certificate-for-another-name",
            Symptom::NoTls => "no-tls-on-this-port",
            Symptom::TlsExpected => "tls-expected",
            Symptom::Silent => "no-answer",
            Symptom::LoginPage => "login-page",
            Symptom::Gateway(_) => "gateway-error",
            Symptom::Broken(_) => "registry-error",
            Symptom::RateLimited => "too-many-requests",
            Symptom::Encoded => "content-encoding",
            Symptom::Stripped => "credentials-stripped",
            Symptom::KeyRefused(_) => "credentials-refused",
            Symptom::RightMissing(_) => "right-missing",
            Symptom::NoSuchRepository(_) => "no-such-repository",
            Symptom::BodyLimit => "body-limit",
            Symptom::MethodRefused => "method-refused",
            Symptom::ForeignAbsence => "not-the-registry",
        }
    }

    /// The symptom in words; `zot` where the registry is one, or may be one.
    pub(crate) fn told(&self, facts: &Facts, zot: bool) -> Told {
        let place = facts.target.as_ref().map_or_else(String::new, authority);
        let (summary, cause, remedy) = self.in_words(facts, &place, zot);
        Told { code: self.code(), summary, cause, remedy }
    }

    /// Summary, cause and remedy.
    fn in_words(&self, facts: &Facts, place: &str, zot: bool) -> (String, String, String) {
        let (summary, cause, remedy) = match self {
            Symptom::KeyRefused(name) => return refused(facts.named(name)),
            Symptom::RightMissing(name) => return missing(facts.named(name), zot),
            Symptom::Untrusted | Symptom::Expired | Symptom::ForeignName => return certificate(self, facts, place),
            Symptom::NoSuchRepository(name) => {
                let remedy = format!("correct `{name}` under [repositories], or push an image to it");
                let cause = "the name is misspelt in the scenario, or nothing was pushed to it yet";
                return (format!("there is no repository `{name}`"), cause.to_owned(), remedy);
            }
            Symptom::NoSuchHost => (
                format!("the name of {place} does not resolve"),
                "the name is misspelt, or this machine's DNS does not know it",
                "correct registry.url or the DNS record; or name the address in [registry] resolve",
            ),
            Symptom::Refused => (
                format!("nothing answers at {place}: the connection is refused"),
                if facts.mapped {
                    "the registry or its proxy is stopped, or [registry] resolve names another address"
                } else {
                    "the registry or its proxy is stopped, or listens on another port"
                },
                "start it, or correct registry.url; `--wait 60s` waits for a registry that is starting",
            ),
            Symptom::Unreachable => (
                format!("{place} cannot be reached"),
                "a firewall drops the connection, or the host is off",
                "try it from this machine with the line under `repeat`; look at the firewall and the route",
            ),
            Symptom::NoTls => (
                format!("{place} does not speak TLS, and registry.url says https"),
                "the port is the one for plain HTTP, or the proxy has lost its certificate",
                "correct the scheme or the port in registry.url, or mend TLS at the proxy",
            ),
            Symptom::TlsExpected => (
                format!("{place} speaks TLS, and registry.url says http"),
                "the scheme in registry.url is wrong",
                "write https in registry.url",
            ),
            Symptom::Silent => (
                format!("{place} takes connections and does not answer in time"),
                "the registry is overloaded, or waits for its storage or its provider",
                "look at its load and its log; raise request_timeout in [limits] if it is only slow",
            ),
            Symptom::LoginPage => (
                "a web page answers in the registry's place".to_owned(),
                "the proxy asks for its own login below /v2/, or leads to another service",
                "leave /v2/ out of the proxy's login; the registry asks for credentials itself",
            ),
            Symptom::Gateway(status) => (
                format!("the proxy answers {status}: the registry behind it does not answer"),
                "the registry is stopped or is starting, or the proxy has a wrong address for it",
                "start the registry, or correct the proxy's upstream; `--wait 60s` waits for it",
            ),
            Symptom::Broken(status) => (
                format!("the registry or its proxy fails with {status}"),
                "an error inside the registry or the proxy, which its log names",
                "look at the registry's log at the time of this run",
            ),
            Symptom::RateLimited => (
                "the registry limits the rate of requests (429)".to_owned(),
                if zot {
                    "http.ratelimit of zot, or a limit of the proxy, is below the rate of this run"
                } else {
                    "a limit of the registry or its proxy is below the rate of this run"
                },
                "set `rate` under [limits] to the requests a second that are allowed",
            ),
            Symptom::Encoded => (
                "answers are compressed, and no request allowed it".to_owned(),
                "the proxy compresses the registry's answers (gzip, zstd, brotli)",
                "switch compression off below /v2/ at the proxy: the bytes of a manifest must stay as they are",
            ),
            Symptom::BodyLimit => (
                "something in front of the registry refuses the body as too large".to_owned(),
                "the proxy limits the size of a request (nginx: client_max_body_size, 1 MiB unless set)",
                "raise the limit above the largest layer, or switch it off below /v2/",
            ),
            Symptom::MethodRefused => (
                "something in front of the registry refuses the method".to_owned(),
                "a rule of the proxy lets other methods pass, and refuses this one",
                "let the proxy pass every method on below /v2/",
            ),
            Symptom::ForeignAbsence => (
                "404 comes from something else than the registry".to_owned(),
                "the proxy has no route to the registry for this path",
                "route everything below /v2/ to the registry",
            ),
            Symptom::Stripped => (
                "credentials are sent, and the registry has not seen them".to_owned(),
                "the proxy drops the Authorization header",
                if zot {
                    "let the proxy pass the Authorization header on unchanged, below /v2/ and /zot/auth/"
                } else {
                    "let the proxy pass the Authorization header on unchanged, below /v2/"
                },
            ),
        };
        (summary, cause.to_owned(), remedy.to_owned())
    }
}

fn certificate(symptom: &Symptom, facts: &Facts, place: &str) -> (String, String, String) {
    let (what, cause) = match symptom {
        Symptom::Untrusted => ("is signed by an authority that is not trusted here", "a private authority signed it"),
        Symptom::Expired => ("has expired", "it was not renewed, or the server still presents the old one"),
        _ => ("is for another name", "another server answers, or the name is missing from the certificate"),
    };
    let remedy = match (symptom, &facts.ca_file) {
        (Symptom::Untrusted, None) => "name the authority's certificate in [registry] ca_file".to_owned(),
        (Symptom::Untrusted, Some(file)) => {
            format!("put the certificate of the authority that signed it into {file}; that file holds another one")
        }
        (Symptom::Expired, _) => "renew it, then reload the server on this port".to_owned(),
        _ => "correct registry.url, or renew the certificate with this name".to_owned(),
    };
    (format!("the certificate of {place} {what}"), cause.to_owned(), remedy)
}

fn refused(person: Person) -> (String, String, String) {
    let Person { name, username, secret, api_key, .. } = person;
    let what = if api_key { "key" } else { "password" };
    let cause = if api_key {
        format!("the key has expired, was revoked, or is not of the user {username}")
    } else {
        format!("the password is wrong, or there is no user {username}")
    };
    let remedy = if api_key {
        format!("mint a new key as {username}, and put it into {secret}")
    } else {
        format!("put the password of {username} into {secret}")
    };
    (format!("the {what} of {name} ({username}) is refused: checks that need it are undecided"), cause, remedy)
}

fn missing(person: Person, zot: bool) -> (String, String, String) {
    let Person { name, username, groups, .. } = person;
    let groups = groups.join(", ");
    let member = match groups.as_str() {
        "" => "no policy gives this user the right".to_owned(),
        groups => format!("{username} is no longer in {groups}, or the policy of that group lost the right"),
    };
    let remedy = match (groups.is_empty(), zot) {
        (true, _) => format!("look at the policy for {username} in the registry"),
        (false, true) => format!(
            "put {username} into {groups} at the provider and log in once as {username}: zot keeps the groups of the last login"
        ),
        (false, false) => format!("look at the groups of {username}, and at their rights in the registry"),
    };
    (format!("{name} ({username}) is logged in, and is refused a promised right"), member, remedy)
}

impl Facts {
    fn named(&self, name: &str) -> Person {
        let found = self.people.iter().find(|person| person.name == name).cloned();
        found.unwrap_or_else(|| Person { name: name.to_owned(), username: name.to_owned(), ..Person::default() })
    }
}
