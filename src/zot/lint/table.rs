//! What each lint is about, for `explain`. Data only.

use super::{LintInfo, Severity};

use Severity::{High, Low, Medium};

/// Every lint, by id.
pub static LINTS: &[LintInfo] = &[
    LintInfo {
        id: "lint::anonymous_may_write",
        severity: High,
        title: "clients without credentials may write",
        explain: "An `anonymousPolicy`, a grant to the empty user, or `[access] anonymous` of a scenario without a zot \
                  configuration holds `create`, `update` or `delete`. Every client that reaches the port can push, move \
                  or delete images.",
    },
    LintInfo {
        id: "lint::apikey_false_has_no_effect",
        severity: Low,
        title: "`apikey: false` beside `openid` changes nothing",
        explain: "zot switches API keys on wherever `openid` is configured, because there is no other way to push \
                  with an OpenID identity. Keys that were minted keep working.",
    },
    LintInfo {
        id: "lint::config_groups_miss_openid",
        severity: Low,
        title: "`accessControl.groups` holds for some logins only",
        explain: "zot adds the groups of `accessControl.groups` to htpasswd, LDAP and certificate identities. Who logs in \
                  by OpenID has the groups that the provider sends and no others, and so have their API keys.",
    },
    LintInfo {
        id: "lint::config_groups_reach_nobody",
        severity: High,
        title: "`accessControl.groups` does not reach OpenID users and API keys",
        explain: "zot adds the groups of `accessControl.groups` to htpasswd, LDAP and certificate identities only. With \
                  OpenID and API keys alone, every grant to such a group is lost; groups must come from the provider.",
    },
    LintInfo {
        id: "lint::create_in_cache",
        severity: Medium,
        title: "images can be pushed into the pull-through cache",
        explain: "Somebody who is not an administrator may create in repositories that zot fills from an upstream. A \
                  tag that the upstream does not have is then served as if it came from there. Give the cache its own, \
                  longer pattern without `create`.",
    },
    LintInfo {
        id: "lint::default_narrower_than_anonymous",
        severity: Medium,
        title: "logging in takes rights away",
        explain: "`anonymousPolicy` holds only for clients without credentials. A user who logs in gets the rights of \
                  `defaultPolicy` instead. Rights that only `anonymousPolicy` grants are refused to such a user.",
    },
    LintInfo {
        id: "lint::default_policy_writes",
        severity: Medium,
        title: "everybody who can log in may write",
        explain: "`defaultPolicy` counts for every authenticated user, with or without groups: for everybody whom the \
                  identity provider lets in.",
    },
    LintInfo {
        id: "lint::default_timeouts",
        severity: Medium,
        title: "transfers are cut after 60 s",
        explain: "From v2.1.17 a request and an answer may each take 60 s by default, whole. Large pushes and cold \
                  pulls end with `connection reset`. Set `http.readTimeout` and `http.writeTimeout`.",
    },
    LintInfo {
        id: "lint::digest_changes",
        severity: Low,
        title: "images get another digest than they have at the upstream",
        explain: "zot makes OCI images of images in Docker's format, so that their digest changes: a pull by the \
                  upstream's digest is 404, and a signature no longer fits. `preserveDigest` with `http.compat` keeps \
                  them as they are.",
    },
    LintInfo {
        id: "lint::docker_must_log_in",
        severity: Medium,
        title: "anonymous `docker pull` may fail where other clients succeed",
        explain: "From v2.1.16 zot answers Docker's `GET /v2/` with 401 where anonymous and other policies are mixed, \
                  so that Docker sends its credentials. Without credentials its classic image store gives up.",
    },
    LintInfo {
        id: "lint::empty_object_dropped",
        severity: High,
        title: "an object without content is not there for zot",
        explain: "zot's reader keeps leaves only: `{}` is as if it had not been written. `\"private/**\": {}` protects \
                  nothing, the shorter patterns apply; an empty `accessControl` is none at all, and every user may do \
                  everything. Write `\"anonymousPolicy\": []` inside it.",
    },
    LintInfo {
        id: "lint::empty_user",
        severity: High,
        title: "the user `\"\"` is everybody without credentials",
        explain: "An empty name in `users`, often an unset template variable, is the anonymous client. In \
                  `adminPolicy` it makes everybody an administrator as soon as any `anonymousPolicy` lets them in.",
    },
    LintInfo {
        id: "lint::equal_length_patterns",
        severity: High,
        title: "zot chooses between two patterns by chance",
        explain: "The longest pattern wins, counted in characters. Where two of equal length match, zot takes the one \
                  that its map yields first: another one from request to request. Make one of them longer.",
    },
    LintInfo {
        id: "lint::every_user_may_delete",
        severity: High,
        title: "every user who can log in may do everything",
        explain: "Without `accessControl` zot asks nobody for more than a login: each user may push, overwrite and delete in every \
                  repository. Write `accessControl` with `read` in `defaultPolicy`, and grant the rest to groups.",
    },
    LintInfo {
        id: "lint::granted_group_without_identity",
        severity: Low,
        title: "a granted group has no identity in the scenario",
        explain: "A policy grants something to a group, and no identity of the scenario is in it. Nothing proves then what its \
                  members may do, and whether the name is spelt as the identity provider sends it.",
    },
    LintInfo {
        id: "lint::group_name_case",
        severity: High,
        title: "a group of `accessControl.groups` is never found",
        explain: "zot's reader lower-cases keys, so that the group's name becomes lower-case while the grants keep \
                  their spelling. Write the name in lower case in both places.",
    },
    LintInfo {
        id: "lint::identity_group_without_grant",
        severity: Medium,
        title: "no policy names the group of an identity",
        explain: "The scenario says that an identity is in a group that no policy names. zot compares groups as text: a slip in either \
                  file takes all rights of the group away.",
    },
    LintInfo {
        id: "lint::insecure_session",
        severity: Medium,
        title: "session cookies travel without `Secure`",
        explain: "From v2.1.11 zot marks its cookies Secure only where it serves TLS itself or `secureSession` is true; \
                  `externalUrl: https://…` does not count.",
    },
    LintInfo {
        id: "lint::key_newer_than_known",
        severity: Low,
        title: "a key is newer than the newest release that is known here",
        explain: "The key is on zot's main branch, or the scenario names a release that is newer than the newest one \
                  known here. A zot that does not know the key does not start. Rights are derived as ever, since the \
                  key stands where it cannot change them; what else it does is not proven.",
    },
    LintInfo {
        id: "lint::key_too_new",
        severity: High,
        title: "this release does not know a key and does not start",
        explain: "zot refuses a configuration with a key that it does not know. Each key is compared with the first \
                  release that has it.",
    },
    LintInfo {
        id: "lint::key_written_twice",
        severity: Medium,
        title: "a key stands twice, and the first one does not count",
        explain: "Of two equal keys in one JSON object zot takes the last. What the first one says is lost without a \
                  word.",
    },
    LintInfo {
        id: "lint::metrics_form",
        severity: High,
        title: "the metrics policy is not in this release's form",
        explain: "Up to v2.1.17 `metrics.users: [\"\"]` opened the metrics. From v2.1.18 it does not, and \
                  `metrics.anonymousPolicy: [\"read\"]` does; older releases do not know that key and do not start.",
    },
    LintInfo {
        id: "lint::metrics_users_missing",
        severity: Low,
        title: "a scraper with credentials is refused",
        explain: "`metrics.anonymousPolicy` counts without credentials only. A scraper that sends them gets 403 unless \
                  `metrics.users` lists it.",
    },
    LintInfo {
        id: "lint::no_access_control",
        severity: High,
        title: "anyone may push, overwrite and delete",
        explain: "There is no `http.auth` and no `http.accessControl`: zot lets everyone who reaches the port do everything, and serves \
                  the metrics to everyone. A login alone is not enough; see `lint::every_user_may_delete`.",
    },
    LintInfo {
        id: "lint::no_external_url",
        severity: High,
        title: "logins return to the address that zot binds",
        explain: "zot builds `redirect_uri` from `externalUrl`, and without it from its own address and port. Forwarded \
                  headers and `Host` do not count.",
    },
    LintInfo {
        id: "lint::partial_bearer",
        severity: High,
        title: "`bearer` is not whole, and zot asks for no token",
        explain: "Bearer tokens count only with `realm`, `service` and `cert` (or `awsSecretsManager`), or with an \
                  `oidc` entry that has `issuer` and `audiences`. Without all of them zot starts, ignores `bearer`, \
                  and lets everyone in who is not kept out otherwise.",
    },
    LintInfo {
        id: "lint::placeholder",
        severity: Medium,
        title: "a placeholder is not filled in",
        explain: "zot does not expand `${NAME}`: it is a name, a path or a secret of those very characters. Where \
                  something fills it in before zot reads the file, name the file as it is then.",
    },
    LintInfo {
        id: "lint::plain_listener",
        severity: Medium,
        title: "zot listens on every interface without TLS",
        explain: "Clients can go past the proxy and send keys in clear text. In a container zot has to listen on every \
                  interface: there, publish its port on loopback or on the proxy's network alone, or set a network \
                  policy. Elsewhere bind 127.0.0.1. An empty `cert` or `key` in `http.tls` is no TLS.",
    },
    LintInfo {
        id: "lint::random_session_keys",
        severity: Low,
        title: "a restart ends every login",
        explain: "Without `sessionKeysFile` zot makes up the key that protects its sessions at each start. Each \
                  restart ends all logins of the pages, and behind a load balancer each node ends those of the others. \
                  Sessions in redis need no such file.",
    },
    LintInfo {
        id: "lint::rate_limit",
        severity: Low,
        title: "clients are held back by a rate limit",
        explain: "zot counts the requests of all clients together and answers those above the limit with 429. Most \
                  clients try again a few times and then fail.",
    },
    LintInfo {
        id: "lint::retention_deletes",
        severity: Medium,
        title: "zot deletes tags by itself",
        explain: "A retention policy with `keepTags` removes every tag that none of its patterns matches, and of the \
                  others those beyond its limits. Without `keepTags` all tags stay. It runs with the garbage \
                  collection, and not at all with `dryRun`.",
    },
    LintInfo {
        id: "lint::secret_in_the_file",
        severity: Medium,
        title: "a secret stands in the configuration",
        explain: "Configurations are copied, committed and shown. zot reads the client's secret from \
                  `credentialsFile`, LDAP's from its own file, and those of S3 from the environment.",
    },
    LintInfo {
        id: "lint::shadowed_grants",
        severity: Medium,
        title: "a longer pattern takes grants away",
        explain: "Patterns never add up: the longest one that matches replaces the others. What a shorter one grants \
                  must be repeated in the longer one.",
    },
    LintInfo {
        id: "lint::single_star",
        severity: Medium,
        title: "a pattern stops at the first slash",
        explain: "`*` stays within one segment, and so does `**` beside other characters. Repositories below are \
                  matched by no pattern at all, and everybody but administrators is refused.",
    },
    LintInfo {
        id: "lint::star_is_a_name",
        severity: High,
        title: "`*` is a name, not everybody",
        explain: "zot compares user and group names as they are. Use `defaultPolicy` for every authenticated user.",
    },
    LintInfo {
        id: "lint::sync_covers_own_names",
        severity: High,
        title: "an upstream can fill one of your repositories",
        explain: "A sync rule covers the name of one of the scenario's repositories. Where zot lacks an image of it, zot asks \
                  the upstream. The upstream learns private names, and can serve an image under them (dependency \
                  confusion).",
    },
    LintInfo {
        id: "lint::sync_fills_the_root",
        severity: Medium,
        title: "an upstream fills names at the root",
        explain: "A sync rule without `destination` serves the upstream's images under their own names. On demand, zot \
                  asks the upstream for every name that it does not have, private ones too; and the upstream decides \
                  what is served under a name that nobody has pushed here yet (dependency confusion).",
    },
    LintInfo {
        id: "lint::sync_rules_meet",
        severity: Medium,
        title: "two upstreams fill the same names",
        explain: "Two sync rules lead to one local name. zot asks one upstream after the other, and serves what it gets first: the name no \
                  longer tells where an image comes from. Give each upstream its own `destination`.",
    },
    LintInfo {
        id: "lint::timeout_in_nanoseconds",
        severity: High,
        title: "a time-out is shorter than a second",
        explain: "A bare number is nanoseconds to zot. Write a unit: `60s`, `10m`.",
    },
    LintInfo {
        id: "lint::tls_verify_off",
        severity: High,
        title: "an upstream's certificate is not verified",
        explain: "Anyone between zot and the upstream can replace what the cache holds.",
    },
    LintInfo {
        id: "lint::unknown_action",
        severity: High,
        title: "an action that zot does not know grants nothing",
        explain: "zot compares actions as text and refuses none. Known are read, create, update, delete and \
                  detectManifestCollision.",
    },
];
