//! What a running check may touch: clients by identity, the scratch repository, run-unique names, notes, and clean-up.
//!
//! No way to print, and no way to reach another check.

pub(crate) mod claim;
mod clients;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::check::machine;
use crate::check::own_key::Own;
use crate::check::target::Target;
use crate::http::guard::{Cleared, Guard, Intent, KeyUse, ORACLE_TYPE};
use crate::http::ledger::Ledger;
use crate::http::recorder::Recorder;
use crate::http::{Client, Credential, OWN_KEY, Origin};
use crate::model::effect::Effect;
use crate::model::failure::{Failure, verdict_of};
use crate::model::level::Level;
use crate::model::outcome::{Case, Leftover, Measure, Screenshot, Table, Told};
use crate::scenario::secrets::LoginSecrets;
use crate::scenario::{Action, Oidc, Scenario};

/// How long clean-up may take, after the check's own deadline.
pub(crate) const CLEAN_UP: Duration = Duration::from_secs(10);

/// What a running check may touch.
#[derive(Debug)]
pub(crate) struct Cx {
    target: Arc<Target>,
    check: &'static str,
    recorder: Recorder,
    guard: Arc<Guard>,
    ledger: Ledger,
    deadline: Instant,
    found: Mutex<Found>,
}

/// What a check has to tell besides its verdict.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) claim: claim::Claim,
    pub(crate) notes: Vec<String>,
    pub(crate) cases: Vec<Case>,
    pub(crate) tables: Vec<Table>,
    pub(crate) measures: Vec<Measure>,
    pub(crate) told: Vec<Told>,
    pub(crate) screenshots: Vec<Screenshot>,
    pub(crate) leftovers: Vec<Leftover>,
    pub(crate) level: Level,
    /// Keys to revoke.
    pub(crate) keys: Vec<Own>,
}

impl Cx {
    pub(crate) fn new(check: &'static str, effect: Effect, target: &Arc<Target>) -> Cx {
        let effect = effect.min(target.effects);
        let scratch = target.scenario().repositories.scratch.clone();
        let cleared = target.facts.front.cleared.clone();
        Cx {
            target: Arc::clone(target),
            check,
            recorder: Recorder::new(Arc::clone(&target.redactor)),
            guard: Arc::new(Guard { effect, scratch: scratch.clone(), cleared, ..Guard::read_only() }),
            ledger: Ledger::new(&format!("regproof-{}-", target.run_id), scratch.as_deref().unwrap_or_default()),
            deadline: Instant::now() + target.deadline(),
            found: Mutex::default(),
        }
    }

    pub(crate) fn scenario(&self) -> &Scenario {
        self.target.scenario()
    }

    pub(crate) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The registry's own origin.
    pub(crate) fn origin(&self) -> Origin {
        self.target.origin()
    }

    /// The check's id.
    pub(crate) fn id(&self) -> &'static str {
        self.check
    }

    /// What the check may have made.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// When this check must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// What is left of the check's time.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// A client without credentials.
    pub(crate) fn anonymous(&self) -> anyhow::Result<Client> {
        self.client(self.target.origin(), "anonymous", None)
    }

    /// A client without credentials for another origin than the registry's.
    pub(crate) fn visitor(&self, origin: Origin) -> anyhow::Result<Client> {
        self.client(origin, "anonymous", None)
    }

    /// A client for one of the scenario's identities.
    pub(crate) fn identity(&self, name: &str) -> anyhow::Result<Client> {
        let credential = self.target.credential(name).with_context(|| format!("no identity `{name}` with a secret"))?;
        self.client(self.target.origin(), name, Some(credential))
    }

    /// Whether the second vantage point is in plain text, and not on this machine: no credential may go there.
    pub(crate) fn backend_in_plain_text(&self) -> anyhow::Result<bool> {
        let url = self.scenario().registry.backend.as_ref().context("no [registry] backend")?;
        Ok(url.scheme() == "http" && !crate::scenario::loaded::is_loopback(url))
    }

    /// A client of an identity, or of nobody, for the second vantage point, as `Need::Backend` promises.
    pub(crate) fn at_backend(&self, name: Option<&str>) -> anyhow::Result<Client> {
        let url = self.scenario().registry.backend.as_ref().context("no [registry] backend")?;
        let origin = Origin::of(url);
        let Some(name) = name else { return self.client(origin, "anonymous, behind the proxy", None) };
        anyhow::ensure!(!self.backend_in_plain_text()?, "no credential is sent in plain text to another host");
        let credential = self.identity(name)?.credential().cloned();
        self.client(origin, &format!("{name}, behind the proxy"), credential)
    }

    /// A client with credentials of the check's own making, for the registry alone.
    pub(crate) fn pretender(&self, who: &str, credential: Credential) -> anyhow::Result<Client> {
        self.client(self.target.origin(), who, Some(credential))
    }

    /// A client with a key that may do one thing with a key of regproof's own making.
    pub(crate) fn key_holder(&self, credential: Credential, key: KeyUse) -> anyhow::Result<Client> {
        let guard = Arc::new(Guard { key, ..(*self.guard).clone() });
        let (origin, recorder) = (self.target.origin(), self.recorder.clone());
        let client = Client::new(&self.target.route, origin, OWN_KEY, Some(credential), guard, recorder)?;
        Ok(client.booked(&self.ledger).until(self.deadline))
    }

    fn client(&self, origin: Origin, who: &str, credential: Option<Credential>) -> anyhow::Result<Client> {
        let guard = self.guard_for(&origin);
        let client = Client::new(&self.target.route, origin, who, credential, guard, self.recorder.clone())?;
        Ok(client.booked(&self.ledger).until(self.deadline))
    }

    /// What was cleared for one address is not cleared for another.
    fn guard_for(&self, origin: &Origin) -> Arc<Guard> {
        if *origin == self.target.origin() {
            return Arc::clone(&self.guard);
        }
        let behind = self.scenario().registry.backend.as_ref().is_some_and(|url| Origin::of(url) == *origin);
        let cleared = if behind { self.target.facts.behind.cleared.clone() } else { Cleared::default() };
        Arc::new(Guard { cleared, ..(*self.guard).clone() })
    }

    /// The same client for the trial of an oracle, which is a write in the scratch repository whatever else the check does.
    pub(crate) fn trier(&self, client: &Client) -> Client {
        client.guarded(Guard { effect: Effect::Writes, ..(*self.guard).clone() })
    }

    /// The identities whose secret is an API key, as `Need::ApiKey` promises.
    pub(crate) fn key_identities(&self) -> Vec<&str> {
        let identities = self.scenario().identities.iter();
        identities.filter(|(_, identity)| identity.api_key).map(|(name, _)| name.as_str()).collect()
    }

    /// An API key of the scenario that belongs to this user.
    pub(crate) fn key_of(&self, username: &str) -> Option<Credential> {
        let own = |name: &&&str| self.scenario().identities.get(**name).is_some_and(|one| one.username == username);
        let name = self.key_identities().iter().find(own).copied()?;
        let secret = self.target.secrets.identities.get(name)?.clone();
        Some(Credential { username: username.to_owned(), secret })
    }

    /// The identity that pushes, as `Need::Writer` promises.
    pub(crate) fn writer(&self) -> anyhow::Result<Client> {
        self.identity(self.scenario().writer().context("no identity may create")?)
    }

    /// The identity that may create and nothing more, as `Need::Creator` promises.
    pub(crate) fn creator(&self) -> anyhow::Result<Client> {
        self.identity(self.scenario().creator().context("no identity may create without update and delete")?)
    }

    /// Who reads this repository: nobody where anonymous clients may, else the first identity that may.
    pub(crate) fn reader(&self, repository: &str) -> anyhow::Result<Client> {
        self.scenario().reader(repository).map_or_else(|| self.anonymous(), |name| self.identity(name))
    }

    /// Who reads what an identity has written: itself, unless it may write and not read.
    pub(crate) fn reads_back(&self, name: Option<&str>, repository: &str) -> anyhow::Result<Client> {
        let may = |name: &&str| self.scenario().promise(Some(name), repository, Action::Read) != Some(false);
        name.filter(may).map_or_else(|| self.reader(repository), |name| self.identity(name))
    }

    /// The scratch repository, as `Need::Scratch` promises.
    pub(crate) fn scratch(&self) -> anyhow::Result<&str> {
        self.scenario().repositories.scratch.as_deref().context("no scratch repository")
    }

    /// The OpenID promise, as `Need::Oidc` promises.
    pub(crate) fn oidc(&self) -> anyhow::Result<&Oidc> {
        self.scenario().oidc.as_ref().context("no [oidc]")
    }

    /// A tag that no other run and no other check has.
    pub(crate) fn tag(&self, word: &str) -> String {
        let name = self.check.rsplit("::").next().unwrap_or(self.check);
        format!("regproof-{}-{name}-{word}", self.target.run_id)
    }

    /// This run's own id, for content that must be new.
    pub(crate) fn run_id(&self) -> &str {
        &self.target.run_id
    }

    pub(crate) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fact worth reading although nothing failed.
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.found().notes.push(text.into());
    }

    /// A number for machines.
    pub(crate) fn measure(&self, name: &'static str, of: &str, value: f64) {
        self.found().measures.push(Measure { name: name.into(), of: of.to_owned(), value });
    }

    /// A decided answer, in words that are the same each time, to be compared with those of other days.
    pub(crate) fn tell(&self, question: impl Into<String>, answer: impl Into<String>) {
        self.found().told.push(Told { question: question.into(), answer: answer.into() });
    }

    /// A table for the reports.
    pub(crate) fn table(&self, table: Table) {
        self.found().tables.push(table);
    }

    /// A picture of the browser.
    pub(crate) fn screenshot(&self, name: &str, png: Vec<u8>) {
        self.found().screenshots.push(Screenshot { name: name.to_owned(), png });
    }

    /// Nobody promised what was found not to hold: it is advice, and a warning.
    pub(crate) fn advises(&self) {
        self.found().level = Level::Advice;
    }

    /// One part with a separate verdict.
    pub(crate) fn case(&self, name: impl Into<String>, proof: &Result<(), Failure>) {
        self.case_at(Level::Promise, name, proof);
    }

    /// One part with a separate verdict and level.
    pub(crate) fn case_at(&self, level: Level, name: impl Into<String>, proof: &Result<(), Failure>) {
        let (verdict, finding) = verdict_of(proof);
        self.found().cases.push(Case { name: name.into(), verdict, finding, level });
    }

    /// Books a tag or digest for removal, before it is made: what happens afterwards can't make it forgotten. Tags of this run
    /// and uploads are booked by themselves when a client asks for them; what a client program makes is not.
    pub(crate) fn leaves(&self, repository: &str, reference: &str) {
        self.ledger.book(repository, &format!("manifests/{reference}"));
    }

    /// Takes it off the books: the registry refused it.
    pub(crate) fn left_nothing(&self, repository: &str, reference: &str) {
        self.ledger.strike(repository, &format!("manifests/{reference}"));
    }

    /// Books a blob for removal that no manifest will name.
    pub(crate) fn leaves_blob(&self, repository: &str, digest: &str) {
        self.ledger.book(repository, &format!("blobs/{digest}"));
    }

    /// Writes down what stays on purpose, and why.
    pub(crate) fn keeps(&self, repository: &str, reference: &str, reason: &str) {
        self.found().leftovers.push(Leftover {
            check: self.check.to_owned(),
            repository: repository.to_owned(),
            reference: reference.to_owned(),
            reason: reason.to_owned(),
            readable_by: None,
        });
    }

    /// Books an unfinished upload for removal.
    pub(crate) fn leaves_upload(&self, location: &str) {
        if let Some((repository, session)) = upload(location) {
            self.ledger.book(repository, &format!("blobs/uploads/{session}"));
        }
    }

    /// The most that this check may send.
    pub(crate) fn effect(&self) -> Effect {
        self.guard.effect
    }

    /// Takes an upload off the books: it ended as it should.
    pub(crate) fn upload_ended(&self, location: &str) {
        if let Some((repository, session)) = upload(location) {
            self.ledger.strike(repository, &format!("blobs/uploads/{session}"));
        }
    }

    /// Books a key to be revoked, before it is made and again once it is there.
    pub(crate) fn books_key(&self, own: &Own) {
        let mut found = self.found();
        found.keys.retain(|other| other.label != own.label);
        found.keys.push(own.clone());
    }

    /// Takes a key off the books: it was revoked, and its use was refused.
    pub(crate) fn key_ended(&self, own: &Own) {
        self.found().keys.retain(|other| other.label != own.label);
    }

    /// Asks the choke point for a manifest that no registry can store, which a page is about to put.
    pub(crate) fn permit_oracle(&self, target: &str) -> anyhow::Result<()> {
        Ok(self.guard.permit(&Intent::new("PUT", target, Some(ORACLE_TYPE), b"{}"))?)
    }

    /// Asks the choke point for a request that something else than `wire` is about to send.
    pub(crate) fn permit(&self, method: &str, target: &str, body: &str, key: KeyUse) -> anyhow::Result<()> {
        let guard = Guard { ends_sessions: true, key, ..(*self.guard).clone() };
        Ok(guard.permit(&Intent::new(method, target, None, body.as_bytes()))?)
    }

    /// The secrets of the login, as `Need::Login` promises.
    pub(crate) fn login(&self) -> anyhow::Result<&LoginSecrets> {
        self.target.secrets.login.as_ref().context("no [oidc] login")
    }

    /// The groups that the login's user is promised: its own, else those of the identity of the same name.
    pub(crate) fn login_groups(&self) -> anyhow::Result<BTreeSet<String>> {
        let name = self.login()?.username.expose();
        let own = self.oidc()?.login.as_ref().map(|login| login.groups.clone()).unwrap_or_default();
        if !own.is_empty() {
            return Ok(own);
        }
        let same = self.scenario().identities.values().find(|identity| identity.username == name);
        Ok(same.map(|identity| identity.groups.clone()).unwrap_or_default())
    }

    /// What the login's user is promised to be allowed.
    pub(crate) fn login_rights(&self) -> anyhow::Result<BTreeSet<Action>> {
        let groups = self.login_groups()?;
        Ok(self.scenario().promised_by_groups(self.login()?.username.expose(), &groups))
    }

    /// Why there is no browser, if there is none.
    pub(crate) fn no_browser(&self) -> Option<String> {
        machine::no_browser(self.scenario(), &self.target.machine)
    }

    /// A program on this machine, as `Need::Program` promises.
    pub(crate) fn program(&self, name: &str) -> anyhow::Result<std::path::PathBuf> {
        self.target.machine.find(name).with_context(|| format!("{name} is not on PATH"))
    }

    /// Everything that was found, for the outcome.
    pub(crate) fn take(&self) -> Found {
        std::mem::take(&mut *self.found())
    }
}

/// The repository and the name of an upload.
fn upload(location: &str) -> Option<(&str, &str)> {
    location.split('?').next()?.strip_prefix("/v2/")?.split_once("/blobs/uploads/")
}
