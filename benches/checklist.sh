#!/usr/bin/env bash
# The checklist without browser, as an operator would write it with curl and skopeo: the same HTTP steps, one after the other.
# Measured beside regproof by benches/checklist.rs; it judges statuses only, so it proves less.
#
# Environment: URL, CI_KEY_FILE, ADMIN_KEY_FILE (a curl config each: user = "name:key"), AUTH_FILE (containers-auth.json).
set -euo pipefail
scratch=blumeops/regproof public=blumeops/navidrome
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
manifest_type=application/vnd.oci.image.manifest.v1+json

# step STATUS ARGUMENTS…: one request, whose status must be one of STATUS.
step() {
    local wanted=$1 status
    shift
    status=$(curl -sS -o "$work/body" -D "$work/head" -w '%{http_code}' "$@")
    case " $wanted " in *" $status "*) ;; *)
        echo "FAILED: $status instead of $wanted: ${*: -1}" >&2
        exit 1
        ;;
    esac
}
ci() { local wanted=$1; shift; step "$wanted" -K "$CI_KEY_FILE" "$@"; }
admin() { local wanted=$1; shift; step "$wanted" -K "$ADMIN_KEY_FILE" "$@"; }
digest() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }
location() { awk 'tolower($1) == "location:" { print $2 }' "$work/head" | tr -d '\r'; }
# get URL: one answer to standard output.
get() { curl -sS -H "Accept: $manifest_type, application/vnd.oci.image.index.v1+json" "$@"; }

# image NAME: writes config, layer and manifest files of a tiny image.
image() {
    head -c 1024 /dev/zero >"$work/$1.layer"
    [ "${2:-}" = own ] && echo "$1 $RANDOM" >>"$work/$1.layer"
    printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["%s"]}}' \
        "$(digest "$work/$1.layer")" >"$work/$1.config"
    printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%s}],"annotations":{"flavour":"%s"}}' \
        "$manifest_type" "$(digest "$work/$1.config")" "$(stat -c %s "$work/$1.config")" \
        "$(digest "$work/$1.layer")" "$(stat -c %s "$work/$1.layer")" "$1" >"$work/$1.manifest"
}
blob() {
    ci 202 -X POST "$URL/v2/$scratch/blobs/uploads/"
    ci 201 -X PUT -H 'Content-Type: application/octet-stream' --data-binary "@$1" "$URL$(location)?digest=$(digest "$1")"
}
blobs() { blob "$work/$1.config"; blob "$work/$1.layer"; }
put() { # put WHO STATUS REFERENCE IMAGE
    local who=$1 wanted=$2
    "$who" "$wanted" -X PUT -H "Content-Type: $manifest_type" --data-binary "@$work/$4.manifest" "$URL/v2/$scratch/manifests/$3"
}
whole() { # whole REPOSITORY REFERENCE: manifest by reference and digest, then every blob, hashed
    get "$URL/v2/$1/manifests/$2" >"$work/one"
    local entry
    entry=$(grep -o '"sha256:[0-9a-f]*"' "$work/one" | tr -d '"')
    get "$URL/v2/$1/manifests/$(digest "$work/one")" >"$work/two"
    if grep -q '"manifests"' "$work/one"; then
        get "$URL/v2/$1/manifests/$(head -n1 <<<"$entry")" >"$work/one"
        entry=$(grep -o '"sha256:[0-9a-f]*"' "$work/one" | tr -d '"')
    fi
    for blob in $entry; do
        curl -sS "$URL/v2/$1/blobs/$blob" -o "$work/blob"
        [ "$(digest "$work/blob")" = "$blob" ] || { echo "FAILED: bytes of $blob" >&2; exit 1; }
    done
}

run=bench-$$-$RANDOM

# registry::answers_as_a_registry
step '200' "$URL/v2/"
step '200' "$URL/v2/$public/tags/list"
step '200 404' "$URL/v2/_zot/ext/mgmt"
step '200' "$URL/metrics"

# access::anonymous_can_pull
step '200' "$URL/v2/$public/tags/list"
whole "$public" latest

# access::anonymous_cannot_push
image push
blobs push
uploads=$URL/v2/$scratch/blobs/uploads/
blob "$work/push.layer"
step 401 -X POST "$uploads"
for target in "$uploads?digest=$(digest "$work/push.layer")" "$uploads?mount=$(digest "$work/push.layer")&from=$scratch"; do
    ci '201 202' -X POST -H 'Content-Type: application/octet-stream' --data-binary "@$work/push.layer" "$target"
    step 401 -X POST -H 'Content-Type: application/octet-stream' --data-binary "@$work/push.layer" "$target"
done
put ci 201 "$(digest "$work/push.manifest")" push
put step 401 "$(digest "$work/push.manifest")" push
put step 401 "$run-anyone" push
ci 404 "$URL/v2/$scratch/manifests/$run-anyone"

# access::wrong_credentials_are_refused
for target in /v2/ "/v2/$public/manifests/latest"; do
    ci 200 "$URL$target"
    step 401 -u zot-ci:zak_00000000000000000000000000000000 "$URL$target"
    step 401 -u nobody:zak_00000000000000000000000000000000 "$URL$target"
    step 401 -u zot-ci: "$URL$target"
done

# publish::api_key_can_push
image key
blobs key
put ci 201 "$run-key" key
whole "$scratch" "$run-key"

# publish::existing_tag_cannot_be_moved
image first
image second
blobs second
blobs first
put ci 201 "$run-moved" first
for reference in "$run-moved second" "$run-moved first" "$(digest "$work/second.manifest")?tag=$run-moved second"; do
    # shellcheck disable=SC2086
    put ci 403 ${reference% *} ${reference#* }
    get "$URL/v2/$scratch/manifests/$run-moved" >"$work/one"
    cmp -s "$work/one" "$work/first.manifest"
done
get "$URL/v2/$scratch/manifests/latest" >"$work/latest"
ci '403 404 415' -X PUT -H 'Content-Type: application/x-regproof' --data-binary '{}' "$URL/v2/$scratch/manifests/latest"
get "$URL/v2/$scratch/manifests/latest" >"$work/one"
cmp -s "$work/one" "$work/latest"

# publish::existing_tag_cannot_be_deleted
image deleted own
blobs deleted
put ci 201 "$run-deleted" deleted
for what in "manifests/$run-deleted" "manifests/$(digest "$work/deleted.manifest")" "blobs/$(digest "$work/deleted.layer")"; do
    ci 403 -X DELETE "$URL/v2/$scratch/$what"
    whole "$scratch" "$run-deleted"
done
admin 202 -X DELETE "$URL/v2/$scratch/manifests/$run-deleted"

# metrics::anonymous_can_scrape
for agent in Prometheus/3.5.0 Alloy/v1.10.0; do
    step 200 -A "$agent" "$URL/metrics"
    grep -q '^zot_info' "$work/body"
done

# cache::pull_through_serves_upstream
whole docker.io/library/alpine 3.20
step 200 -H "Accept: $manifest_type" "$URL/v2/docker.io/library/alpine/manifests/3.20"
step 404 "$URL/v2/docker.io/library/alpine/manifests/sha256:$(head -c 16 /dev/urandom | sha256sum | cut -d' ' -f1)"

# publish::skopeo_can_push: an image and an index as layouts, an image as a Docker archive, each a second time
skopeo --version >/dev/null
# layout NAME IMAGE…: an OCI layout of images, in which the manifest $work/NAME.top is named `it`
layout() {
    local name=$1 to=$work/$1.layout image part
    shift
    mkdir -p "$to/blobs/sha256"
    for image in "$@"; do
        for part in config layer manifest; do
            cp "$work/$image.$part" "$to/blobs/sha256/$(digest "$work/$image.$part" | cut -d: -f2)"
        done
    done
    cp "$work/$name.top" "$to/blobs/sha256/$(digest "$work/$name.top" | cut -d: -f2)"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$to/oci-layout"
    printf '{"schemaVersion":2,"manifests":[{"mediaType":"%s","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"it"}}]}' \
        "$(grep -o '"mediaType":"[^"]*"' "$work/$name.top" | head -n1 | cut -d'"' -f4)" "$(digest "$work/$name.top")" \
        "$(stat -c %s "$work/$name.top")" >"$to/index.json"
}
# copy NAME SOURCE ARGUMENTS…: pushes, reads back whole, and pushes again, which may be refused
copy() {
    local name=$1 from=$2
    shift 2
    local push=(skopeo --insecure-policy copy --quiet --dest-tls-verify=false --dest-authfile "$AUTH_FILE" "$@"
        "$from" "docker://${URL#http://}/$scratch:$run-$name")
    "${push[@]}"
    whole "$scratch" "$run-$name"
    cp "$work/two" "$work/pushed"
    "${push[@]}" >/dev/null 2>&1 || true
    get "$URL/v2/$scratch/manifests/$run-$name" >"$work/one"
    cmp -s "$work/one" "$work/pushed"
}
image skopeo
cp "$work/skopeo.manifest" "$work/skopeo.top"
layout skopeo skopeo
image arm
entry() { printf '{"mediaType":"%s","digest":"%s","size":%s,"platform":{"architecture":"%s","os":"linux"}}' \
    "$manifest_type" "$(digest "$work/$1.manifest")" "$(stat -c %s "$work/$1.manifest")" "$2"; }
printf '{"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2,"manifests":[%s,%s]}' \
    "$(entry skopeo amd64)" "$(entry arm arm64)" >"$work/list.top"
layout list skopeo arm
copy skopeo "oci:$work/skopeo.layout:it" --preserve-digests --all
copy list "oci:$work/list.layout:it" --preserve-digests --all
skopeo --insecure-policy copy --quiet "oci:$work/skopeo.layout:it" "docker-archive:$work/archive.tar:bench:archive"
copy archive "docker-archive:$work/archive.tar"

# Clean-up, as regproof does it.
for tag in key moved skopeo list archive; do admin 202 -X DELETE "$URL/v2/$scratch/manifests/$run-$tag"; done
