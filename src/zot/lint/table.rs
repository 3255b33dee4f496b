//! What each lint is about, for `explain`. Data only.

use super::{LintInfo, Severity};

use Severity::{High, Low, Medium};

/// Every lint, by id.
pub static LINTS: &[LintInfo] = &[
    LintInfo {
        id: "lint::anonymous_may_write",
        severity: High,
        title: "clients without credentials may write",
        explain: "An `anonymousPolicy` or a grant to the empty user holds `create`, `update` or `delete`. Without a zot \
                  configuration, `[access] anonymous` of the scenario does. Every client that reaches the port can push, \
                  move or delete images.",
    },
    LintInfo {
        id: "lint::apikey_false_has_no_effect",
        severity: Low,
        title: "`apikey: false` has no effect together with `openid`",
        explain: "zot switches API keys on wherever `openid` is configured, because an OpenID identity needs a key to \
                  push. Keys that were minted keep working.",
    },
    LintInfo {
        id: "lint::config_groups_miss_openid",
        severity: Low,
        title: "`accessControl.groups` holds only for some logins",
        explain: "zot adds the groups of `accessControl.groups` to htpasswd, LDAP and certificate identities. Users who \
                  log in by OpenID, and their API keys, have only the groups that the provider sends.",
    },
    LintInfo {
        id: "lint::config_groups_reach_nobody",
        severity: High,
        title: "`accessControl.groups` does not reach OpenID users and API keys",
        explain: "zot adds the groups of `accessControl.groups` only to htpasswd, LDAP and certificate identities. With \
                  only OpenID and API keys, every grant to such a group is lost. The groups must come from the provider.",
    },
    LintInfo {
        id: "lint::create_in_cache",
        severity: Medium,
        title: "images can be pushed into the pull-through cache",
        explain: "Users who are not administrators may create in repositories that zot fills from an upstream. A tag \
                  that the upstream does not have is then served as if it came from there. Give the cache a longer \
                  pattern without `create`.",
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
        title: "every user who can log in may write",
        explain: "`defaultPolicy` holds for every authenticated user, with or without groups: for every user whom the \
                  identity provider lets in.",
    },
    LintInfo {
        id: "lint::default_timeouts",
        severity: Medium,
        title: "transfers are cut after 60 s",
        explain: "From v2.1.17 a whole request, and a whole answer, may take at most 60 s by default. Large pushes and \
                  cold pulls end with `connection reset`. Set `http.readTimeout` and `http.writeTimeout`.",
    },
    LintInfo {
        id: "lint::digest_changes",
        severity: Low,
        title: "images get another digest than they have at the upstream",
        explain: "zot makes OCI images of images in Docker's format, and their digest changes. A pull by the upstream's \
                  digest is 404, and a signature no longer fits. `preserveDigest` with `http.compat` keeps them \
                  unchanged.",
    },
    LintInfo {
        id: "lint::docker_must_log_in",
        severity: Medium,
        title: "anonymous `docker pull` may fail where other clients succeed",
        explain: "From v2.1.16 zot answers Docker's `GET /v2/` with 401 where anonymous and other policies are mixed. \
                  Docker then sends its credentials. Without credentials, its classic image store gives up.",
    },
    LintInfo {
        id: "lint::empty_object_dropped",
        severity: High,
        title: "zot ignores an object without content",
        explain: "zot's reader drops empty objects: `{}` is as if it had not been written. `\"private/**\": {}` protects \
                  nothing, and the shorter patterns apply. With an empty `accessControl` every user may do everything. \
                  Write `\"anonymousPolicy\": []` inside the object.",
    },
    LintInfo {
        id: "lint::empty_user",
        severity: High,
        title: "the user `\"\"` is every client without credentials",
        explain: "An empty name in `users`, often an unset template variable, is the anonymous client. In \
                  `adminPolicy` it makes every client an administrator as soon as any `anonymousPolicy` lets them in.",
    },
    LintInfo {
        id: "lint::equal_length_patterns",
        severity: High,
        title: "zot chooses between two patterns by chance",
        explain: "The longest pattern wins, counted in characters. If two of equal length match, zot takes the one that \
                  its map yields first. That changes from request to request. Make one of them longer.",
    },
    LintInfo {
        id: "lint::every_user_may_delete",
        severity: High,
        title: "every user who can log in may do everything",
        explain: "Without `accessControl` zot checks only the login: each user may push, overwrite and delete in every \
                  repository. Write `accessControl` with `read` in `defaultPolicy`, and grant the rest to groups.",
    },
    LintInfo {
        id: "lint::granted_group_without_identity",
        severity: Low,
        title: "a granted group has no identity in the scenario",
        explain: "A policy grants something to a group, and no identity of the scenario is in it. So no check can prove \
                  the rights of its members. Nor can one prove that the provider spells the name so.",
    },
    LintInfo {
        id: "lint::group_name_case",
        severity: High,
        title: "a group of `accessControl.groups` is never found",
        explain: "zot's reader lower-cases keys. The group's name becomes lower-case, while the grants keep their \
                  spelling. Write the name in lower case in both places.",
    },
    LintInfo {
        id: "lint::identity_group_without_grant",
        severity: Medium,
        title: "no policy names the group of an identity",
        explain: "The scenario says that an identity is in a group that no policy names. zot compares groups as text: a \
                  typing error in either file takes all rights of the group away.",
    },
    LintInfo {
        id: "lint::insecure_session",
        severity: Medium,
        title: "session cookies are sent without `Secure`",
        explain: "From v2.1.11 zot marks its cookies Secure only if it serves TLS itself or `secureSession` is true. \
                  `externalUrl: https://…` has no effect on that.",
    },
    LintInfo {
        id: "lint::key_newer_than_known",
        severity: Low,
        title: "a key is newer than the newest release that regproof knows",
        explain: "The key is on zot's main branch, or the scenario names a release that this regproof does not know. A zot that does not know the key does not start. The key is at a place where it cannot \
                  change rights, so these are derived as usual. Its other effects are not proven.",
    },
    LintInfo {
        id: "lint::key_too_new",
        severity: High,
        title: "this release does not know a key and does not start",
        explain: "zot refuses a configuration with an unknown key. Each key is compared with the first release that has \
                  it.",
    },
    LintInfo {
        id: "lint::key_written_twice",
        severity: Medium,
        title: "a key is written twice, and the first one does not count",
        explain: "Of two equal keys in one JSON object zot takes the last. The value of the first is lost in silence.",
    },
    LintInfo {
        id: "lint::metrics_form",
        severity: High,
        title: "the metrics policy is not in this release's form",
        explain: "Up to v2.1.17 `metrics.users: [\"\"]` opened the metrics. From v2.1.18 on, \
                  `metrics.anonymousPolicy: [\"read\"]` opens them instead. Older releases do not know that key and do \
                  not start.",
    },
    LintInfo {
        id: "lint::metrics_users_missing",
        severity: Low,
        title: "a scraper with credentials is refused",
        explain: "`metrics.anonymousPolicy` holds only for clients without credentials. A scraper that sends credentials \
                  gets 403 unless `metrics.users` lists it.",
    },
    LintInfo {
        id: "lint::no_access_control",
        severity: High,
        title: "every client may push, overwrite and delete",
        explain: "There is no `http.auth` and no `http.accessControl`. Everyone who reaches the port may do everything, \
                  and read the metrics. A login alone is not enough; see `lint::every_user_may_delete`.",
    },
    LintInfo {
        id: "lint::no_external_url",
        severity: High,
        title: "logins return to the address at which zot listens",
        explain: "zot builds `redirect_uri` from `externalUrl`, and without it from its own address and port. Forwarded \
                  headers and `Host` have no effect.",
    },
    LintInfo {
        id: "lint::partial_bearer",
        severity: High,
        title: "`bearer` is incomplete, and zot asks for no token",
        explain: "Bearer tokens need `realm`, `service` and `cert` (or `awsSecretsManager`), or an `oidc` entry that has \
                  `issuer` and `audiences`. If one is missing, zot starts and ignores `bearer`. It then lets every \
                  client in that no other setting refuses.",
    },
    LintInfo {
        id: "lint::placeholder",
        severity: Medium,
        title: "a placeholder is not filled in",
        explain: "zot does not expand `${NAME}`: it takes these characters as the name, the path or the secret. If a \
                  program fills it in before zot reads the file, name the filled-in file.",
    },
    LintInfo {
        id: "lint::plain_listener",
        severity: Medium,
        title: "zot listens on every interface without TLS",
        explain: "Clients can go past the proxy and send keys in clear text. In a container zot has to listen on every \
                  interface. There, publish its port only on loopback or on the proxy's network, or set a network \
                  policy. Elsewhere bind 127.0.0.1. An empty `cert` or `key` in `http.tls` is no TLS.",
    },
    LintInfo {
        id: "lint::random_session_keys",
        severity: Low,
        title: "a restart ends every login",
        explain: "Without `sessionKeysFile` zot makes a new key for its sessions at each start. Each restart ends all \
                  logins of the web pages. Behind a load balancer each node ends those of the others. Sessions in redis \
                  need no such file.",
    },
    LintInfo {
        id: "lint::rate_limit",
        severity: Low,
        title: "a rate limit slows clients down",
        explain: "zot counts the requests of all clients together and answers those above the limit with 429. Most \
                  clients try again a few times and then fail.",
    },
    LintInfo {
        id: "lint::retention_deletes",
        severity: Medium,
        title: "zot deletes tags by itself",
        explain: "A retention policy with `keepTags` removes every tag that none of its patterns matches. Of the others, \
                  it removes those beyond its limits. Without `keepTags` all tags stay. It runs with the garbage \
                  collection; with `dryRun` it removes nothing.",
    },
    LintInfo {
        id: "lint::secret_in_the_file",
        severity: Medium,
        title: "the configuration contains a secret",
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
        explain: "`*` stays within one segment, and so does `**` next to other characters. No pattern matches the \
                  repositories below, and only administrators may use them.",
    },
    LintInfo {
        id: "lint::star_is_a_name",
        severity: High,
        title: "`*` is a name, not every user",
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
                  asks the upstream for every name that it does not have, private ones too. The upstream then decides \
                  what is served under a name that was not pushed here yet (dependency confusion).",
    },
    LintInfo {
        id: "lint::sync_rules_meet",
        severity: Medium,
        title: "two upstreams fill the same names",
        explain: "Two sync rules lead to one local name. zot asks one upstream after the other, and serves the first \
                  image that it gets. The name no longer shows where an image comes from. Give each upstream its own \
                  `destination`.",
    },
    LintInfo {
        id: "lint::timeout_in_nanoseconds",
        severity: High,
        title: "a time-out is shorter than a second",
        explain: "zot reads a number without a unit as nanoseconds. Write a unit: `60s`, `10m`.",
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
        explain: "zot compares actions as text, and accepts unknown ones. It knows read, create, update, delete and \
                  detectManifestCollision.",
    },
];
