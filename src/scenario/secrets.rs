//! Resolves the secrets that a scenario points at, and keeps them where no formatter reaches.
//!
//! The only reader of secrets. It never prints one, and an empty or too short one is an error: an empty
//! password would silently turn an identity into an anonymous client.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};

use super::SecretSource;
use crate::base::redact::{Redactor, SHORTEST};
use crate::scenario::loaded::{Loaded, ScenarioError};

/// How long a program may take to print a secret; a password manager may ask its user first.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);
/// How long what a program printed may take to arrive once it has ended.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// A secret; `Debug` shows nothing of it.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: String) -> Secret {
        Secret(SecretString::from(text))
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The secrets of the browser login.
#[derive(Clone, Debug)]
pub struct LoginSecrets {
    pub(crate) username: Secret,
    pub(crate) password: Secret,
    pub(crate) totp: Option<Secret>,
}

/// All secrets of one scenario.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Passwords and API keys by identity.
    pub(crate) identities: BTreeMap<String, Secret>,
    pub(crate) login: Option<LoginSecrets>,
    /// The key of the client certificate, as PEM.
    pub(crate) client_key: Option<Secret>,
}

impl Secrets {
    /// A redactor that knows all of them.
    #[must_use]
    pub fn redactor(&self, loaded: &Loaded) -> Redactor {
        let user = |name: &str| loaded.scenario.identities.get(name).map_or("", |i| i.username.as_str());
        let mut pairs: Vec<(&str, &str)> =
            self.identities.iter().map(|(name, secret)| (user(name), secret.expose())).collect();
        if let Some(login) = &self.login {
            pairs.push((login.username.expose(), login.password.expose()));
            if let Some(totp) = &login.totp {
                pairs.push(("", totp.expose()));
            }
        }
        // Part of a key that is shown is a key half lost, so each of its lines is a secret.
        let key = self.client_key.iter().flat_map(|key| key.expose().lines().map(str::trim));
        pairs.extend(key.filter(|line| line.len() >= 16 && !line.starts_with("-----")).map(|line| ("", line)));
        Redactor::new(pairs)
    }
}

/// Resolves every secret of a scenario.
pub fn resolve(loaded: &Loaded) -> Result<Secrets, ScenarioError> {
    let mut secrets = Secrets::default();
    missing(loaded)?;
    for (name, identity) in &loaded.scenario.identities {
        let path = ["identities", name, "password"];
        let secret = long_enough(loaded, &path, one(loaded, &path, &identity.password)?)?;
        let twin = secrets.identities.iter().find(|(_, other)| other.expose() == secret.expose());
        if let Some((twin, _)) = twin {
            let message = format!(
                "`{name}` and `{twin}` have the same secret, so a check could not distinguish them; give each its own"
            );
            return Err(loaded.error(&path, message));
        }
        secrets.identities.insert(name.clone(), secret);
    }
    if let Some(login) = loaded.scenario.oidc.as_ref().and_then(|oidc| oidc.login.as_ref()) {
        let password = ["oidc", "login", "password"];
        let totp = ["oidc", "login", "totp"];
        secrets.login = Some(LoginSecrets {
            username: one(loaded, &["oidc", "login", "username"], &login.username)?,
            password: long_enough(loaded, &password, one(loaded, &password, &login.password)?)?,
            totp: login.totp.as_ref().map(|s| long_enough(loaded, &totp, one(loaded, &totp, s)?)).transpose()?,
        });
    }
    if let Some(source) = &loaded.scenario.registry.client_key {
        let text = read(loaded, &source.0).map_err(|message| loaded.error(&["registry", "client_key"], message))?;
        secrets.client_key = Some(Secret::new(text));
    }
    Ok(secrets)
}

/// An error that names every environment variable that is not set: who sets one wants to know the others too.
fn missing(loaded: &Loaded) -> Result<(), ScenarioError> {
    let scenario = &loaded.scenario;
    let identities =
        scenario.identities.iter().map(|(name, one)| (vec!["identities", name, "password"], &one.password));
    let login = scenario.oidc.iter().filter_map(|oidc| oidc.login.as_ref()).flat_map(|login| {
        let own =
            [("username", Some(&login.username)), ("password", Some(&login.password)), ("totp", login.totp.as_ref())];
        own.into_iter().filter_map(|(key, source)| Some((vec!["oidc", "login", key], source?)))
    });
    let key = scenario.registry.client_key.iter().map(|key| (vec!["registry", "client_key"], &key.0));
    let mut names: Vec<&str> = Vec::new();
    let mut first = None;
    for (path, source) in identities.chain(login).chain(key) {
        if let SecretSource::Env(name) = source
            && std::env::var_os(name).is_none()
            && !names.contains(&name.as_str())
        {
            names.push(name);
            first.get_or_insert(path);
        }
    }
    match (first, names.as_slice()) {
        (Some(path), [_, _, ..]) => {
            let message = format!("these environment variables are not set; export them: {}", names.join(", "));
            Err(loaded.error(&path, message))
        }
        // One alone is told where it is read, with its place.
        _ => Ok(()),
    }
}

fn long_enough(loaded: &Loaded, path: &[&str], secret: Secret) -> Result<Secret, ScenarioError> {
    if secret.expose().len() < SHORTEST {
        let message = format!("this secret has fewer than {SHORTEST} bytes: too short to keep, and to redact");
        return Err(loaded.error(path, message));
    }
    Ok(secret)
}

fn read(loaded: &Loaded, source: &SecretSource) -> Result<String, String> {
    match source {
        SecretSource::Env(name) => std::env::var(name).map_err(|error| match error {
            std::env::VarError::NotPresent => {
                format!("the environment variable {name} is not set; export it, or use file or command")
            }
            std::env::VarError::NotUnicode(_) => format!("the environment variable {name} is not UTF-8"),
        }),
        SecretSource::File(file) => {
            let file = loaded.folder().join(file);
            std::fs::read_to_string(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))
        }
        SecretSource::Command(argv) => run(argv),
    }
}

fn one(loaded: &Loaded, path: &[&str], source: &SecretSource) -> Result<Secret, ScenarioError> {
    let text = read(loaded, source).map_err(|message| loaded.error(path, message))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        let message = format!("the {source} is empty; an empty secret would make this identity anonymous");
        return Err(loaded.error(path, message));
    }
    if text.contains(['\n', '\r', '\0']) {
        return Err(loaded.error(path, format!("the {source} holds more than one line")));
    }
    Ok(Secret::new(text.to_owned()))
}

/// What a program prints; its stderr goes to the user, who may be asked something.
fn run(argv: &[String]) -> Result<String, String> {
    let program = &argv[0];
    let failed = |error: std::io::Error| format!("cannot run `{program}`: {error}");
    let mut child = Command::new(program).args(&argv[1..]).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let stdout = child.stdout.take().expect("stdout is piped two lines above");
    let (sender, printed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // Nobody listens any more where it came too late.
        let _ = sender.send(stdout.take(64 * 1024).read_to_string(&mut text).map(|_| text));
    });
    let end = Instant::now() + COMMAND_LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() > end {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
            return Err(format!("`{program}` printed no secret within {} s", COMMAND_LIMIT.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    if !status.success() {
        return Err(format!("`{program}` ended with {status}"));
    }
    // It has ended, but what it started may hold its output open.
    match printed.recv_timeout(AFTERWARDS) {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(_)) => Err(format!("`{program}` printed something that is not UTF-8")),
        Err(_) => Err(format!("`{program}` has ended, and something that it started keeps its output open")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn resolved(folder: &Path, password: &str) -> Result<Secrets, ScenarioError> {
        let text = format!(
            "schema = 1\nname = \"n\"\n[registry]\nurl = \"https://r.example.test\"\n\
             [identities.a]\nusername = \"a\"\npassword = {password}\n"
        );
        let today = time::macros::date!(2026 - 01 - 01);
        let loaded = super::super::load::parse(&folder.join("r.toml"), text, |_| true, today)?;
        resolve(&loaded)
    }

    #[test]
    fn a_program_that_leaves_its_output_open_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let error = resolved(folder.path(), r#"{ command = ["sh", "-c", "sleep 600 & echo zak_secret"] }"#);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("keeps its output open") && !error.contains("zak_secret"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(300));
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_command() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "zak_secret\n").unwrap();
        for source in [r#"{ file = "key" }"#, r#"{ command = ["echo", "zak_secret"] }"#] {
            assert_eq!(resolved(folder.path(), source).unwrap().identities["a"].expose(), "zak_secret");
        }
    }

    #[test]
    fn missing_empty_and_broken_secrets_say_where_and_why() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        std::fs::write(folder.path().join("short"), "abc").unwrap();
        std::fs::write(folder.path().join("lines"), "abcdef\nghijkl\n").unwrap();
        for (source, words) in [
            (r#"{ env = "REGPROOF_TEST_NOT_SET" }"#, "is not set"),
            (r#"{ file = "none" }"#, "cannot read"),
            (r#"{ file = "empty" }"#, "is empty"),
            (r#"{ file = "short" }"#, "too short"),
            (r#"{ file = "lines" }"#, "more than one line"),
            (r#"{ command = ["false"] }"#, "ended with"),
            (r#"{ command = ["/nonexistent/program"] }"#, "cannot run"),
        ] {
            let message = resolved(folder.path(), source).unwrap_err().to_string();
            assert!(message.contains("r.toml:7:12: ") && message.contains(words), "{message}");
        }
    }

    #[test]
    fn all_variables_that_are_not_set_are_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let two = "{ env = \"REGPROOF_TEST_B\" }\n[identities.c]\nusername = \"c\"\npassword = { env = \"REGPROOF_TEST_C\" }\n\
                   [identities.d]\nusername = \"d\"\npassword = { env = \"REGPROOF_TEST_D\" }";
        let message = resolved(folder.path(), two).unwrap_err().to_string();
        for name in ["REGPROOF_TEST_B", "REGPROOF_TEST_C", "REGPROOF_TEST_D"] {
            assert!(message.contains(name), "{name}: {message}");
        }
    }

    #[test]
    fn a_debug_print_shows_nothing() {
        assert!(!format!("{:?}", Secret::new("zak_canary".into())).contains("canary"));
    }
}
