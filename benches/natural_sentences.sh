#!/usr/bin/env bash
# Lists every place that is found in a thousand natural sentences of news and the web, each taken for a story of its own of
# November 2015, with and without Phú Thọ as home: to be read, the false ones are counted in
# docs/decisions/places-in-texts.md. The sentences are those of the crate lingua-vietnamese-language-model (testdata), which
# cargo brings; they are not part of this repository.
#
#     benches/natural_sentences.sh [LOA]      the program; target/release/loa if it is left out
set -euo pipefail
cd "$(dirname "$0")/.."
readonly MODEL='lingua-vietnamese-language-model' VERSION='1.3.0' DAY='2015-11-15'

loa=${1:-${CARGO_TARGET_DIR:-target}/release/loa}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/src"
touch "$work/src/lib.rs"
printf '[package]\nname = "sentences"\nversion = "0.0.0"\nedition = "2024"\n[dependencies]\n%s = "=%s"\n' "$MODEL" "$VERSION" \
    >"$work/Cargo.toml"
source=$(cargo metadata --quiet --format-version 1 --manifest-path "$work/Cargo.toml" |
    tr ',' '\n' | sed -n "s|.*\"manifest_path\":\"\(.*/$MODEL-$VERSION\)/Cargo.toml\".*|\1|p" | head -n 1)

for home in 25 ''; do
    echo "==> home: ${home:-none}"
    # Without a home there is no flag.
    # shellcheck disable=SC2086
    "$loa" localities find "$source/testdata/sentences.txt" --apart --at "$DAY" ${home:+--home $home}
done
