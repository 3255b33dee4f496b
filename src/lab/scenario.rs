//! The scenario of a lab: a complete file for regproof, with its secrets in files beside it.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::running::Lab;
use super::seed;
use crate::lab::people::{ADMIN, CI, GUEST, LOGIN};
use crate::lab::people::{ADMIN_GROUP, CI_GROUP};

/// The repository where all writing of a run happens.
pub(crate) const SCRATCH: &str = "blumeops/regproof";
/// The repository where canaries are kept, below the pattern of the private ones.
pub(crate) const PRIVATE_SCRATCH: &str = "private/regproof";
const FOLDER: &str = "secrets";

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Lab {
    /// A complete scenario for this lab, with its secrets in files under `secrets`.
    #[must_use]
    pub fn scenario(&self, secrets: &Path) -> String {
        scenario(self, secrets)
    }

    /// Writes `regproof.toml` and the files of its secrets into `folder`; answers the path of the scenario.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn write_scenario(&self, folder: &Path) -> io::Result<PathBuf> {
        write(self, folder)
    }

    /// Writes the scenario to `file`, and its secrets into the folder `secrets` beside it.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn write_scenario_as(&self, file: &Path) -> io::Result<()> {
        write_as(self, file)
    }
}

/// The scenario as TOML, with the secrets expected under `secrets`.
fn scenario(lab: &Lab, secrets: &Path) -> String {
    let file = |name: &str| quoted(&secrets.join(name).display().to_string());
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "schema = 1\nname = \"lab\"\n\n\
         [registry]\nurl = {url}\n\n\
         [repositories]\nscratch = \"{SCRATCH}\"\nprivate_scratch = \"{PRIVATE_SCRATCH}\"\npublic = [\"{public}\"]\nprivate = [\"{private}\"]\n\n\
         [access]\nanonymous = [\"read\"]\nauthenticated = [\"read\"]\n\
         groups.{CI_GROUP} = [\"read\", \"create\"]\n\
         groups.{ADMIN_GROUP} = [\"read\", \"create\", \"update\", \"delete\"]\n\n",
        url = quoted(lab.url()),
        public = seed::PUBLIC,
        private = seed::PRIVATE,
    );
    let identities = [("ci", CI, vec![CI_GROUP]), ("guest", GUEST, vec![]), ("admin", ADMIN, vec![ADMIN_GROUP])];
    for (label, name, groups) in identities {
        let _ = write!(
            text,
            "[identities.{label}]\nusername = \"{name}\"\npassword = {{ file = {} }}\ngroups = {groups:?}\n\n",
            file(&format!("{label}.key")),
        );
    }
    let _ = write!(
        text,
        "[keys]\nhorizon = \"14d\"\nlifecycle = true\n\n\
         [metrics]\npath = \"/metrics\"\nanonymous = true\n\n\
         [oidc]\nprovider = \"oidc\"\nissuer = {issuer}\nclient_id = \"zot\"\n\
         login = {{ username = {{ file = {user} }}, password = {{ file = {password} }}, groups = [\"{CI_GROUP}\"] }}\n\n\
         [[cache]]\nimage = \"docker.io/library/alpine:3.20\"\ndigest = \"{digest}\"\nupstream = {upstream}\n\n\
         [tags]\npattern = '^(latest|v\\d+\\.\\d+\\.\\d+-[0-9a-f]{{7}}(-nix)?)$'\n\n\
         [content]\ndocker_media_type = \"refused\"\n\n\
         [limits]\ndeadline = \"60s\"\nrequest_timeout = \"10s\"\nconcurrency = 8\n\n\
         [[waive]]\ncheck = \"keys::cannot_mint_keys\"\nreason = \"every zot of today lets keys mint keys\"\nuntil = {until}\n",
        issuer = quoted(lab.issuer()),
        user = file("login.user"),
        password = file("login.password"),
        digest = lab.cached_digest(),
        upstream = quoted(lab.upstream()),
        until = OffsetDateTime::now_utc().date() + time::Duration::days(365),
    );
    text
}

/// Writes `regproof.toml` and the secrets beside it; answers the path of the scenario.
fn write(lab: &Lab, folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join("regproof.toml");
    write_as(lab, &path)?;
    Ok(path)
}

/// Writes the scenario to a file of any name, and the secrets into a folder beside it.
fn write_as(lab: &Lab, file: &Path) -> io::Result<()> {
    // Absolute, so that it does not matter from where the scenario is read.
    let secrets = std::path::absolute(file)?.with_file_name(FOLDER);
    std::fs::create_dir_all(&secrets)?;
    for (label, name) in [("ci", CI), ("guest", GUEST), ("admin", ADMIN)] {
        write_secret(&secrets.join(format!("{label}.key")), lab.api_key(name))?;
    }
    write_secret(&secrets.join("login.user"), LOGIN)?;
    write_secret(&secrets.join("login.password"), lab.login().1)?;
    std::fs::write(file, scenario(lab, &secrets))
}

/// A secret that others can read is none: the mode is set before the first byte is written.
fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
        options.mode(0o600);
        if path.exists() {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        }
    }
    let mut file = options.open(path)?;
    file.write_all(secret.as_bytes())
}
