#!/usr/bin/env bash
# Packs a built regproof, reproducibly: the same program gives the same bytes.
#
# Usage: tools/package.sh deb PROGRAM FOLDER      a Debian package, with manual pages and completions
#        tools/package.sh image PROGRAM FOLDER    an OCI image layout and its tar, without a container engine
#
# Prints the path of what it made. Builds nothing, sends nothing. PROGRAM has to run on this machine and should be linked
# statically: neither package brings a C library. SOURCE_DATE_EPOCH is the time of every file, 0 without it.
set -euo pipefail
export LC_ALL=C
umask 022

fail() {
    printf 'package: %s\n' "$1" >&2
    exit 1
}

[ $# = 3 ] || fail 'usage: tools/package.sh deb|image PROGRAM FOLDER'
kind=$1
source=$(dirname "$0")/..
[ -x "$2" ] || fail "no program at $2"
program=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
epoch=${SOURCE_DATE_EPOCH:-0}
export SOURCE_DATE_EPOCH=$epoch

version=$("$program" --version | sed -n 's/^regproof //p')
[ -n "$version" ] || fail "$2 is not regproof"
case $(uname -m) in
x86_64) architecture=amd64 ;;
aarch64) architecture=arm64 ;;
*) fail "no package for $(uname -m)" ;;
esac

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

# place PROGRAM-FOLDER: the program below $stage/root, without what only a debugger reads.
place() {
    install -D -m 755 "$program" "$stage/root/$1/regproof"
    # What strip cannot read has nothing to lose.
    strip --strip-unneeded "$stage/root/$1/regproof" 2>/dev/null || true
}

deb() {
    command -v dpkg-deb >/dev/null || fail 'dpkg-deb is missing: install dpkg'
    local root=$stage/root size
    place usr/bin
    "$program" man --out "$root/usr/share/man/man1"
    gzip -9n "$root"/usr/share/man/man1/*.1
    install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
        "$root/usr/share/fish/vendor_completions.d"
    "$program" completions bash >"$root/usr/share/bash-completion/completions/regproof"
    "$program" completions zsh >"$root/usr/share/zsh/vendor-completions/_regproof"
    "$program" completions fish >"$root/usr/share/fish/vendor_completions.d/regproof.fish"
    install -D -m 644 "$source/LICENSE" "$root/usr/share/doc/regproof/copyright"
    install -D -m 644 "$source/README.md" "$root/usr/share/doc/regproof/README.md"
    install -m 644 "$source"/scenarios/*.toml -D -t "$root/usr/share/doc/regproof/scenarios"
    size=$(du -sk "$root/usr" | cut -f1)
    install -d "$root/DEBIAN"
    cat >"$root/DEBIAN/control" <<CONTROL
Package: regproof
Version: $version
Architecture: $architecture
Maintainer: the regproof developers <regproof@example.test>
Installed-Size: $size
Depends: ca-certificates
Suggests: chromium-driver, skopeo, buildah
Section: admin
Priority: optional
Description: Proves that a live container registry keeps its operator's promises
 After a deploy, regproof proves who may pull, push, overwrite and delete, that
 the OpenID login works, that metrics can be scraped, that the pull-through
 cache serves, and that continuous integration can publish.
CONTROL
    find "$root" -newermt "@$epoch" -exec touch --no-dereference --date="@$epoch" {} +
    local file="$out/regproof_${version}_$architecture.deb"
    dpkg-deb --root-owner-group -Zgzip --build "$root" "$file" >/dev/null
    printf '%s\n' "$file"
}

# blob FILE: moves it to where its digest says, and prints the digest and the size.
blob() {
    local digest size
    digest=$(sha256sum "$1" | cut -d' ' -f1)
    size=$(stat -c %s "$1")
    mv "$1" "$stage/layout/blobs/sha256/$digest"
    printf 'sha256:%s %s\n' "$digest" "$size"
}

# pack FOLDER FILE: a tar that depends on the content only.
pack() {
    tar --create --file "$2" --directory "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" \
        --format=ustar .
}

image() {
    local created diff layer config manifest authorities=/etc/ssl/certs/ca-certificates.crt
    place usr/bin
    # An image without authorities trusts no registry.
    [ -s "$authorities" ] || fail "no $authorities: install ca-certificates"
    install -D -m 644 "$authorities" "$stage/root$authorities"
    install -d -m 1777 "$stage/root/tmp" "$stage/root/work"
    mkdir -p "$stage/layout/blobs/sha256"
    created=$(date --utc --date="@$epoch" +%Y-%m-%dT%H:%M:%SZ)

    pack "$stage/root" "$stage/layer"
    diff=$(sha256sum "$stage/layer" | cut -d' ' -f1)
    gzip -9n "$stage/layer"
    layer=$(blob "$stage/layer.gz")
    printf '{"created":"%s","architecture":"%s","os":"linux","config":{"User":"65532:65532","Env":["PATH=/usr/bin","SSL_CERT_FILE=%s"],"Entrypoint":["/usr/bin/regproof"],"WorkingDir":"/work","Labels":{"org.opencontainers.image.title":"regproof","org.opencontainers.image.version":"%s","org.opencontainers.image.licenses":"MIT"}},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$created" "$architecture" "$authorities" "$version" "$diff" >"$stage/config"
    config=$(blob "$stage/config")
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"%s","size":%s}]}' \
        $config $layer >"$stage/manifest"
    manifest=$(blob "$stage/manifest")
    printf '{"imageLayoutVersion":"1.0.0"}' >"$stage/layout/oci-layout"
    printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s,"platform":{"architecture":"%s","os":"linux"},"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
        $manifest "$architecture" "$version" >"$stage/layout/index.json"
    local name="$out/regproof-$version-$architecture"
    rm -rf "$name.oci"
    cp -r "$stage/layout" "$name.oci"
    pack "$name.oci" "$name.oci.tar"
    printf '%s\n' "$name.oci"
}

case $kind in
deb | image) "$kind" ;;
*) fail "unknown kind $kind: deb, image" ;;
esac
