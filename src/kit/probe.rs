//! Probes: what an attacker would try at a registry's doors, as data. A check of `checks/bypass/` asks those of one family.
//!
//! A probe is one request, what a good registry answers, and what a broken one would. Knows no particular probe; sends
//! nothing that the guard does not permit.

mod controls;
mod facts;
mod ground;
mod judge;
mod run;

#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use facts::Facts;
pub(crate) use run::prove;

/// How bad it is if the door is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Anyone can change what clusters run, or read what is private.
    Critical,
    /// One condition away from that.
    High,
    /// Something is shown or tolerated that helps an attacker.
    Medium,
    /// Untidy.
    Low,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Critical => "critical",
            Severity::High => "high",
            Severity::Medium => "medium",
            Severity::Low => "low",
        })
    }
}

/// What a probe leaves behind, on a registry that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impact {
    /// Nothing.
    ReadOnly,
    /// Nothing: it is invalid for every handler.
    Oracle,
    /// Something in the scratch repository, booked for removal.
    Scratch,
    /// Something outside of the scratch repository, as an empty repository; only with `[probes] litter = true`.
    Litters,
    /// Load; only with `[probes] strain = true`.
    Strains,
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Impact::ReadOnly => "read-only",
            Impact::Oracle => "oracle",
            Impact::Scratch => "writes scratch",
            Impact::Litters => "litters",
            Impact::Strains => "strains",
        })
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// Nobody; credentials, where there are any, are part of the probe's headers.
    Anonymous,
    /// The identity that may create, and neither update nor delete.
    Creator,
    /// An identity that may not create.
    Reader,
    /// An identity that may not read the private repository.
    Outsider,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Principal::Anonymous => "anonymous",
            Principal::Creator => "an identity that may only create",
            Principal::Reader => "an identity that may not create",
            Principal::Outsider => "an identity that may not read the private repository",
        })
    }
}

/// What a good registry answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// 401 or 403 in the registry's own words.
    Denied,
    /// The registry's own 401 with a challenge.
    Unauthorized,
    /// Nothing is served: a redirect within the origin or to the provider's, or 4xx.
    Closed,
    /// As without the trick, byte for byte, or `Closed`.
    Ignored,
    /// No content: `Closed`, or 2xx with an empty body.
    Silent,
    /// Not the registry's content: `Silent`, or what another site answers.
    Foreign,
    /// Any answer that names no private repository.
    Unnamed,
    /// Any answer without text that looks like a secret.
    NoSecret,
    /// No permission for a page of another origin to read with credentials.
    NoForeignOrigin,
    /// The same way to the provider as without the trick, or none.
    SameLogin,
    /// 202 with a new upload instead of the mount, or `Closed`.
    NotMounted,
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expect::Denied => "401 or 403 by the registry itself",
            Expect::Unauthorized => "401 by the registry itself",
            Expect::Closed => "nothing served: 4xx, or a redirect within the registry or to its provider",
            Expect::Ignored => "the same answer as without the trick, or 4xx",
            Expect::Silent => "an answer without content",
            Expect::Foreign => "nothing of this registry",
            Expect::Unnamed => "no name of a private repository",
            Expect::NoSecret => "nothing that looks like a secret",
            Expect::NoForeignOrigin => "no Access-Control-Allow-Credentials for a foreign origin",
            Expect::SameLogin => "a redirect to the provider with the usual redirect_uri, 4xx, or nothing",
            Expect::NotMounted => "202 with a new upload, or 4xx",
        })
    }
}

/// A request with placeholders such as `{public}`, which `Facts` fills in. What a write must carry to be harmless is added
/// by its method: the oracle's media type and body, or its range.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The method.
    pub method: &'static str,
    /// Path and query.
    pub target: &'static str,
    /// The trick's headers.
    pub headers: &'static [(&'static str, &'static str)],
    /// Written to the wire as it stands, as HTTP of this version.
    pub raw: Option<&'static str>,
    /// The target of the same request without the trick, where it differs.
    pub plain: Option<&'static str>,
}

impl Shape {
    pub(crate) const fn new(method: &'static str, target: &'static str) -> Shape {
        Shape { method, target, headers: &[], raw: None, plain: None }
    }

    pub(crate) const fn get(target: &'static str) -> Shape {
        Shape::new("GET", target)
    }

    pub(crate) const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Shape {
        Shape { headers, ..self }
    }

    pub(crate) const fn raw(self, version: &'static str) -> Shape {
        Shape { raw: Some(version), ..self }
    }

    pub(crate) const fn plain(self, target: &'static str) -> Shape {
        Shape { plain: Some(target), ..self }
    }
}

/// What a broken registry answers: the lab answers so to show that the probe turns red.
#[derive(Clone, Copy, Debug)]
pub struct Bad {
    /// The status.
    pub status: u16,
    /// Headers, with placeholders.
    pub headers: &'static [(&'static str, &'static str)],
    /// The body, with placeholders.
    pub body: &'static str,
}

impl Bad {
    pub(crate) const fn status(status: u16) -> Bad {
        Bad { status, headers: &[], body: "" }
    }

    pub(crate) const fn body(body: &'static str) -> Bad {
        Bad { status: 200, headers: &[("content-type", "application/json")], body }
    }

    pub(crate) const fn header(status: u16, headers: &'static [(&'static str, &'static str)]) -> Bad {
        Bad { status, headers, body: "" }
    }
}

/// One probe.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name, unique over all families, in kebab-case.
    pub id: &'static str,
    /// How bad an open door is.
    pub severity: Severity,
    /// What it may leave behind.
    pub impact: Impact,
    /// Who asks.
    pub who: Principal,
    /// The request.
    pub shape: Shape,
    /// What a good registry answers.
    pub expect: Expect,
    /// What a broken one answers.
    pub bad: Bad,
    /// Why it is tried: one sentence.
    pub reason: &'static str,
    /// The section of a specification, or a file or release of zot.
    pub reference: &'static str,
    /// Why such a door is open, and what closes it, where that is not what the whole check says.
    pub because: Option<(&'static str, &'static str)>,
}

impl Probe {
    /// A read-only probe without credentials; the other parts by struct update.
    pub(crate) const ANONYMOUS: Probe = Probe {
        id: "",
        severity: Severity::High,
        impact: Impact::ReadOnly,
        who: Principal::Anonymous,
        shape: Shape::get("/v2/"),
        expect: Expect::Closed,
        bad: Bad::body("{\"name\":\"{private}\",\"tags\":[\"{private_tag}\"]}"),
        reason: "",
        reference: "",
        because: None,
    };

    /// The probe in words, as `explain` prints it.
    #[must_use]
    pub fn text(&self) -> String {
        let headers: String = self.shape.headers.iter().map(|(name, value)| format!("\n  {name}: {value}")).collect();
        format!(
            "{id} ({severity}, {impact})\n\n{reason}\n\n{who} sends\n  {method} {target}{raw}{headers}\nA good registry answers: \
             {expect}.\nA broken one: {bad}{body}.\nReference: {reference}\n",
            id = self.id,
            severity = self.severity,
            impact = self.impact,
            reason = self.reason,
            who = self.who,
            method = self.shape.method,
            target = self.shape.target,
            raw = self.shape.raw.map(|version| format!(" HTTP/{version}, exactly as written")).unwrap_or_default(),
            expect = self.expect,
            bad = self.bad.status,
            body = if self.bad.body.is_empty() { String::new() } else { format!(" with {}", self.bad.body) },
            reference = self.reference,
        )
    }
}
