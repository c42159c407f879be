#!/usr/bin/env bash
# The tests that need a server of its own, on Garage instead of MinIO: `tests/garage.sh [ARGUMENT FOR THE TESTS]...`.
#
# Takes the Garage that FASTFLOW_ARCHIVE_TEST_GARAGE names, else the one in PATH, else builds Garage 2.5.0 with cargo into the
# target folder: that takes a quarter of an hour on two cores, once, and is why `.ci/run` does not do it. Needs MinIO's client
# `mc` (FASTFLOW_ARCHIVE_TEST_MC, or where `go install github.com/minio/mc@latest` puts it), which is the other client.
#
# FASTFLOW_ARCHIVE_TEST_RUNS=2000 makes populations that large.

set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=2.5.0
garage=${FASTFLOW_ARCHIVE_TEST_GARAGE:-$(command -v garage || true)}
if [[ -z $garage ]]; then
    root=${CARGO_TARGET_DIR:-$PWD/target}/garage
    garage=$root/bin/garage
    if [[ ! -x $garage ]]; then
        # Not for production: built fast, with the one database engine that the tests use.
        CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
            cargo install garage --version "$version" --locked --no-default-features --features bundled-libs,sqlite \
            --root "$root" --target-dir "$root/build"
    fi
fi
"$garage" --version

FASTFLOW_ARCHIVE_TEST_GARAGE=$garage cargo test --test it -- \
    archive:: hostile:: interruption:: ledger:: notification:: population:: refusal:: restore:: truncation:: verify:: "$@"
