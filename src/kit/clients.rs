//! What the checks of real client programs share: a shop with the login in a file, a push, and its confirmation over HTTP.
//!
//! Knows no client's command line, and never believes an exit status alone.

use std::path::PathBuf;

use anyhow::Context as _;
use url::{Position, Url};

use crate::check::context::Cx;
use crate::http::Client;
use crate::kit::process::{Ended, Workshop};
use crate::kit::transfer;
use crate::model::failure::{Failure, Why};
use crate::model::image::{Image, Index};

/// The likely cause when a client cannot push, for all clients alike.
pub(crate) const CAUSE: &str =
    "the key is refused, or `/v2/` answers without a challenge, so the client sends no login";
const REMEDY: &str =
    "first make publish::api_key_can_push pass; then let the proxy pass WWW-Authenticate of GET /v2/ on";

const FORBIDDEN: (&str, &str) = (
    "the registry knows this identity, but no policy lets it create here",
    "grant `create` on the scratch repository to a group of this identity in accessControl; access::permission_matrix \
     shows all that it may do",
);
const LOST: (&str, &str) = (
    "the registry, or something in front of it, accepted the push, but lacks the image or has another one",
    "first make publish::api_key_can_push pass; then look at the storage, and at proxies that answer for the registry",
);
const NO_DIGEST: (&str, &str) = (
    "something between client and registry removes the Docker-Content-Digest header, by which clients know a manifest",
    "let the proxy pass Docker-Content-Digest on",
);

/// What the check of a client claims, with the cause and the remedy that are the same for all clients.
pub(crate) const fn why(claim: &'static str) -> Why<'static> {
    Why { claim, cause: CAUSE, remedy: REMEDY }
}

/// A tiny image or index in the private folder, and where it is to be pushed.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The folder, an OCI layout in which it is named `it`.
    pub(crate) path: String,
    /// `host:port/repository:tag`; no other layout has this tag.
    pub(crate) reference: String,
    tag: String,
    digest: String,
}

/// What a client pushed, as far as it is known before.
#[derive(Clone, Debug)]
pub(crate) enum Pushed {
    /// Exactly these bytes.
    Digest(String),
    /// An image that the client puts together itself: its own word for the digest is in this file.
    Told(PathBuf),
    /// An image that the client puts together itself, around this config.
    Around(String),
    /// An image that the client puts together itself, each time anew, and whose digest it prints.
    Printed,
}

/// A client program at work, as the identity that pushes.
#[derive(Debug)]
pub(crate) struct Shop<'a> {
    cx: &'a Cx,
    program: &'static str,
    workshop: Workshop,
    writer: Client,
    /// Who looks at what came through.
    reader: Client,
    pub(crate) scratch: &'a str,
    /// The file with the login.
    pub(crate) login: String,
    /// The folder with the scenario's certificates, if it has any.
    pub(crate) certificates: Option<String>,
    why: Why<'static>,
}

impl<'a> Shop<'a> {
    /// Prepares login and certificates, and notes the program's version.
    pub(crate) async fn open(
        cx: &'a Cx,
        program: &'static str,
        version: &str,
        why: Why<'static>,
    ) -> anyhow::Result<Shop<'a>> {
        let (writer, scratch, workshop) = (cx.writer()?, cx.scratch()?, Workshop::new()?);
        let reader = cx.reads_back(cx.scenario().writer(), scratch)?;
        let login = workshop.log_in(&writer)?.display().to_string();
        let certificates = workshop.certificates(cx)?;
        workshop.trust_images()?;
        let shop = Shop { cx, program, workshop, writer, reader, scratch, login, certificates, why };
        let said = shop.run(&[version]).await?;
        let lines = said.stdout.lines().map(str::trim).filter(|line| !line.is_empty());
        let words = lines.take(1).flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
        cx.note(if words.to_ascii_lowercase().starts_with(program) { words } else { format!("{program} {words}") });
        Ok(shop)
    }

    /// A path in the private folder, as text for a command line.
    pub(crate) fn path(&self, name: &str) -> String {
        self.workshop.path(name).display().to_string()
    }

    /// Whether the registry speaks plain http.
    pub(crate) fn plain(&self) -> bool {
        self.url().scheme() == "http"
    }

    fn url(&self) -> &Url {
        self.writer.origin().url()
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<Ended> {
        self.workshop.run(self.cx, self.program, arguments).await
    }

    /// Runs the program for a step that only prepares the push: what goes wrong there says nothing about the registry.
    pub(crate) async fn prepare(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let ended = self.run(arguments).await?;
        let (program, said) = (self.program, last_line(&ended));
        anyhow::ensure!(ended.success, "{program} could not prepare the image: {}: {said}", ended.status);
        Ok(ended.stdout.trim().to_owned())
    }

    /// A new tag for `what`, and `host:port/repository:tag`.
    pub(crate) fn destination(&self, what: &str) -> (String, String) {
        let (tag, host) = (self.cx.tag(what), &self.url()[Position::BeforeHost..Position::AfterPort]);
        let reference = format!("{host}/{}:{tag}", self.scratch);
        (tag, reference)
    }

    /// Writes a tiny image and a tiny index for two architectures, each with another tag.
    fn layouts(&self) -> anyhow::Result<[Layout; 2]> {
        let (image, index) = (Image::tiny(&self.cx.flavour(self.program)), Index::tiny(&self.cx.flavour(self.program)));
        let paths = [IMAGE, INDEX].map(|name| self.path(name));
        image.write_layout(paths[0].as_ref(), NAME)?;
        index.write_layout(paths[1].as_ref(), NAME)?;
        let [first, second] = paths;
        let layout = |what, path, digest| {
            let (tag, reference) = self.destination(what);
            Layout { path, reference, tag, digest }
        };
        Ok([layout(IMAGE, first, image.digest()), layout(INDEX, second, index.digest())])
    }

    /// Pushes image and index as they are, each with the command line that `command` makes. The index comes second, so
    /// that the client always meets one of its manifests in the registry already, and no blob is sent twice at once.
    pub(crate) async fn push_layouts(&self, command: impl Fn(&Layout) -> Vec<String>) -> Result<(), Failure> {
        for layout in self.layouts()? {
            self.push_layout(layout, &command).await?;
        }
        Ok(())
    }

    async fn push_layout(&self, layout: Layout, command: impl Fn(&Layout) -> Vec<String>) -> Result<(), Failure> {
        self.push(&layout.tag, &refs(&command(&layout)), &Pushed::Digest(layout.digest.clone())).await
    }

    /// Pushes to a new tag, confirms it over HTTP, and pushes the same again, which must change nothing.
    pub(crate) async fn push(&self, tag: &str, arguments: &[&str], pushed: &Pushed) -> Result<(), Failure> {
        self.cx.leaves(self.scratch, tag);
        let ended = self.run(arguments).await?;
        let seen = transfer::tag_digest(&self.reader, self.scratch, tag, &self.why).await?;
        if !ended.success {
            return Err(self.failure(&ended));
        }
        let lost = self.because(LOST);
        let Some(digest) = seen else {
            return Err(lost.fail("the tag that was pushed", "no such tag", ended.index));
        };
        match pushed {
            Pushed::Digest(expected) if *expected == digest => {}
            Pushed::Digest(expected) => return Err(lost.fail(expected, digest, ended.index)),
            Pushed::Told(file) => {
                let told = std::fs::read_to_string(file)
                    .with_context(|| format!("{} did not say what it pushed", self.program))?;
                if told.trim() != digest {
                    return Err(lost.fail(told.trim(), digest, ended.index));
                }
            }
            Pushed::Printed => {
                if !ended.stdout.contains(&digest) {
                    return Err(lost.fail(ended.stdout.trim(), digest, ended.index));
                }
            }
            Pushed::Around(config) => {
                let manifest = transfer::manifest(&self.reader, self.scratch, &digest, &lost).await?;
                let found = manifest.content.config.map(|found| found.digest).unwrap_or_default();
                if found != *config {
                    return Err(lost.fail(format_args!("the config {config}"), found, manifest.index));
                }
            }
        }
        transfer::whole(self.cx, &self.reader, self.scratch, &digest, &lost).await?;
        self.cx.pushed_by_the_writer();
        if matches!(pushed, Pushed::Printed) {
            return Ok(());
        }
        let again = self.run(arguments).await?;
        let after = transfer::tag_digest(&self.reader, self.scratch, tag, &lost).await?;
        if after.as_ref() != Some(&digest) {
            let after = after.unwrap_or_else(|| "no such tag".to_owned());
            let expected = format!("{digest}, also after the same push again");
            return Err(lost.fail(expected, after, again.index));
        }
        let how = match again.success {
            true => "succeeds and changes nothing",
            false if matches!(self.failure(&again), Failure::Fail(_)) => "is refused",
            false => "fails, and changes nothing",
        };
        self.cx.note(format!("{}: the same push again {how}", self.program));
        Ok(())
    }

    fn because(&self, (cause, remedy): (&'static str, &'static str)) -> Why<'static> {
        Why { cause, remedy, ..self.why }
    }

    /// What the program said: a refusal by the registry is a Fail, anything else proves nothing about it.
    fn failure(&self, ended: &Ended) -> Failure {
        let actual = format!("{}: {}", ended.status, last_line(ended));
        let said = ended.stderr.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let why = if says(&["unauthorized", "authentication required"]) {
            self.why
        } else if says(&["denied", "forbidden", "status: 403"]) {
            self.because(FORBIDDEN)
        } else if says(&["error response from registry: sha256:"]) {
            // oras looks again for what it pushed, and did not find it.
            self.because(LOST)
        } else if says(&["did not include docker-content-digest"]) {
            self.because(NO_DIGEST)
        } else if says(&["status: 4", "manifest invalid"]) {
            self.why
        } else {
            return self.why.undecided("exit status 0", actual, ended.index);
        };
        why.fail("exit status 0", actual, ended.index)
    }
}

/// Pushes image and index as buildah and podman do, whose commands are the same: from a local image store, which here
/// lives in the private folder.
pub(crate) async fn push_from_store(cx: &Cx, program: &'static str, why: Why<'static>) -> Result<(), Failure> {
    let shop = Shop::open(cx, program, "--version", why).await?;
    let layouts = shop.layouts()?;
    let (root, run) = (shop.path("storage"), shop.path("run"));
    // The one driver that needs nothing of the kernel.
    let store = ["--root", &root, "--runroot", &run, "--storage-driver", "vfs"];
    let with_store = |arguments: &[&str]| words(&[&store, arguments].concat());
    // Relative, since they make a name of the path, and names have no capital letters.
    let [image, index] = [IMAGE, INDEX].map(|name| format!("oci:{name}:{NAME}"));
    let id = shop.prepare(&refs(&with_store(&["pull", "--quiet", &image]))).await?;
    let id = id.lines().last().unwrap_or_default();
    shop.prepare(&refs(&with_store(&["manifest", "create", "list"]))).await?;
    shop.prepare(&refs(&with_store(&["manifest", "add", "--all", "list", &index]))).await?;
    let verify = format!("--tls-verify={}", !shop.plain());
    for (layout, command, source) in
        [(&layouts[0], &["push"][..], id), (&layouts[1], &["manifest", "push", "--all"], "list")]
    {
        let (told, destination) = (format!("{}.digest", layout.path), format!("docker://{}", layout.reference));
        let mut arguments = command.to_vec();
        arguments.extend(["--authfile", &shop.login, "--digestfile", &told, &verify]);
        if let Some(folder) = &shop.certificates {
            arguments.extend(["--cert-dir", folder]);
        }
        arguments.extend([source, &destination]);
        shop.push(&layout.tag, &refs(&with_store(&arguments)), &Pushed::Told(told.into())).await?;
    }
    Ok(())
}

/// The names of the layouts, and the name that each has within.
const IMAGE: &str = "image";
const INDEX: &str = "index";
pub(crate) const NAME: &str = "it";

/// Arguments that own their text.
pub(crate) fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|argument| (*argument).to_owned()).collect()
}

/// Arguments as a command takes them.
pub(crate) fn refs(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn last_line(ended: &Ended) -> &str {
    ended.stderr.lines().rev().chain(ended.stdout.lines().rev()).map(str::trim).find(|l| !l.is_empty()).unwrap_or("")
}

#[cfg(test)]
mod tests;
