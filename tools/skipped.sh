#!/usr/bin/env bash
# Usage: tools/skipped.sh FILE. Says which tests did not run, and why: they prove nothing, and must not look as if they did.
set -euo pipefail
if [ ! -s "$1" ]; then
    echo 'every test ran'
    exit
fi
echo "$(cut -f1 "$1" | sort -u | wc -l) tests did not run:"
# Each test once for each reason.
sort -u "$1" | cut -f2 | sort | uniq -c | sort -rn | while read -r count reason; do
    echo "  $count: $reason"
done
