#!/bin/sh
# Smoke test: a small Fast-Flow instance goes through `fastflow-archive cleanup` into your S3 store and comes back byte for
# byte. Run it in your own pipeline against MinIO, Ceph, AWS, whatever you have:
#
#   S3_ENDPOINT_URL=https://s3.example.com S3_BUCKET=fastflow-logs S3_ACCESS_KEY=... S3_SECRET_ACCESS_KEY=... tests/smoke.sh
#
# Read from the environment:
#   S3_ENDPOINT_URL, S3_BUCKET, S3_ACCESS_KEY, S3_SECRET_ACCESS_KEY   the tool's store and keys; s3:PutObject is enough
#   S3_REGION (us-east-1), S3_USE_PATH_STYLE (true), S3_CA_BUNDLE     as for the tool
#   S3_VERIFY_ACCESS_KEY, S3_VERIFY_SECRET_ACCESS_KEY                 keys that may read the objects back (default: the same)
#   FASTFLOW_ARCHIVE                                                  the binary (default: fastflow-archive in PATH)
#   SMOKE_PREFIX                                                      first part of the keys (default: smoke)
#
# Needs sqlite3 and curl 7.75 or newer. Changes nothing outside a temporary folder and {SMOKE_PREFIX}/{time}-{pid}/ in the
# bucket; its objects stay there. Ends with 0 and `smoke test passed`, or with 1 and what went wrong.

set -eu

fail() {
    printf 'FAIL %s\n' "$*" >&2
    exit 1
}

ok() {
    printf 'ok   %s\n' "$*"
}

for name in S3_ENDPOINT_URL S3_BUCKET S3_ACCESS_KEY S3_SECRET_ACCESS_KEY; do
    eval "value=\${$name:-}"
    [ -n "$value" ] || fail "$name is not set"
done
for program in sqlite3 curl; do
    command -v "$program" >/dev/null || fail "$program is not installed"
done

tool=${FASTFLOW_ARCHIVE:-fastflow-archive}
case $tool in
    /*) ;;
    */*) tool=$PWD/$tool ;;
esac
command -v "$tool" >/dev/null || fail "there is no program $tool (set FASTFLOW_ARCHIVE)"

region=${S3_REGION:-us-east-1}
path_style=${S3_USE_PATH_STYLE:-true}
verify_key=${S3_VERIFY_ACCESS_KEY:-$S3_ACCESS_KEY}
verify_secret=${S3_VERIFY_SECRET_ACCESS_KEY:-$S3_SECRET_ACCESS_KEY}
prefix=${SMOKE_PREFIX:-smoke}/$(date -u +%Y%m%dT%H%M%SZ)-$$
case ${S3_CA_BUNDLE:-} in
    '' | /*) ;;
    *) S3_CA_BUNDLE=$PWD/$S3_CA_BUNDLE ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
umask 077
mkdir "$work/instance" "$work/instance/data" "$work/instance/logs" "$work/instance/logs/routes" "$work/originals"
instance=$work/instance
database=$instance/data/fastflow.db
cd "$instance"

sql() {
    sqlite3 "$database" "$@"
}

# --- the instance -----------------------------------------------------------------------------------------------------

cat >.env <<'ENV'
ENCRYPTION_KEY=c2FtcGxlLWtleS1mb3ItdGVzdHMtb25seS0wMTIzNDU=
DATA_DIR=./data
LOGS_DIR=./logs
LOG_RETENTION_DAYS=30
ENV

sql >/dev/null <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE pipelines (pipeline_name VARCHAR NOT NULL PRIMARY KEY, total_runs INTEGER NOT NULL DEFAULT 0);
CREATE TABLE pipeline_runs (
    id CHAR(32) NOT NULL PRIMARY KEY, pipeline_name VARCHAR NOT NULL, status VARCHAR(11) NOT NULL,
    log_file VARCHAR NOT NULL, metrics_file VARCHAR, env_vars JSON, parameters JSON, uv_version VARCHAR,
    setup_duration FLOAT, started_at DATETIME NOT NULL, finished_at DATETIME, exit_code INTEGER,
    triggered_by VARCHAR NOT NULL, run_config_id VARCHAR, git_sha VARCHAR, git_branch VARCHAR,
    git_commit_message VARCHAR);
CREATE INDEX ix_pipeline_runs_started_at ON pipeline_runs (started_at);
CREATE TABLE run_cell_logs (
    run_id CHAR(32) NOT NULL, cell_index INTEGER NOT NULL, status VARCHAR NOT NULL, stdout VARCHAR, stderr VARCHAR,
    outputs JSON, PRIMARY KEY (run_id, cell_index), FOREIGN KEY(run_id) REFERENCES pipeline_runs (id));
SQL

# add_run FATE PIPELINE STATUS AGE_IN_DAYS LOG_BYTES METRICS: a row and its files. FATE is `due` or `stays`; METRICS is
# `named`, `found` (by its name only, as after a cancelled run) or `none`. Appends to $work/runs.
number=0
add_run() {
    number=$((number + 1))
    id=$(sql "SELECT lower(hex(randomblob(16)))")
    dashed=$(printf '%s' "$id" | sed 's/^\(.\{8\}\)\(.\{4\}\)\(.\{4\}\)\(.\{4\}\)/\1-\2-\3-\4-/')
    started=$(sql "SELECT strftime('%Y-%m-%d %H:%M:%S', 'now', '-$4 days', '-$number minutes') || '.10000$((number % 10))'")
    name=$2_$(printf '%s' "$started" | tr ' ' T)+00:00
    finished="'$(sql "SELECT strftime('%Y-%m-%d %H:%M:%S', '$started', '+30 seconds')")'"
    exit_code=0
    case $3 in
        RUNNING | PENDING) finished=NULL exit_code=NULL ;;
    esac
    mkdir "$work/originals/$dashed"
    head -c "$5" /dev/urandom >"logs/$name.log"
    cp "logs/$name.log" "$work/originals/$dashed/run.log"
    metrics_file=NULL metrics=
    case $6 in
        named) metrics=${name}_metrics.jsonl metrics_file="'/app/logs/$metrics'" ;;
        found) metrics=${dashed}_metrics.jsonl ;;
    esac
    if [ -n "$metrics" ]; then
        printf '{"run":"%s","cpu":%s}\n' "$dashed" "$number" >"logs/$metrics"
        cp "logs/$metrics" "$work/originals/$dashed/metrics.jsonl"
    fi
    sql "INSERT OR IGNORE INTO pipelines (pipeline_name) VALUES ('$2');
         INSERT INTO pipeline_runs (id, pipeline_name, status, log_file, metrics_file, env_vars, parameters, started_at,
             finished_at, exit_code, triggered_by)
         VALUES ('$id', '$2', '$3', '/app/logs/$name.log', $metrics_file, '{\"DB_PASSWORD\":\"smoke-secret-value\"}',
             '{\"batch\":$number}', '$started', $finished, $exit_code, 'scheduler');"
    printf '%s|%s|%s|%s|%s\n' "$1" "$dashed" "$2" "$name.log" "$metrics" >>"$work/runs"
}

add_run due etl-orders SUCCESS 40 5000 named
add_run due etl-orders FAILED 41 70000 named
add_run due etl-orders INTERRUPTED 42 12345 found
add_run due etl-orders SUCCESS 43 0 none
add_run due Täglicher-Import SUCCESS 50 33000 named
add_run due Täglicher-Import WARNING 51 160000 none
add_run due ml-training SUCCESS 60 20971521 named
add_run due notebook-analysis SUCCESS 70 4000 named
notebook=$dashed
sql "INSERT INTO run_cell_logs VALUES ('$id', 0, 'SUCCESS', 'Größe 1', NULL, NULL);
     INSERT INTO run_cell_logs VALUES ('$id', 1, 'SUCCESS', NULL, 'warning', '[{\"data\":{\"image/png\":\"aGVsbG8=\"}}]');"
add_run due billing SUCCESS 90 9000 named
add_run stays etl-orders RUNNING 80 3000 named
add_run stays etl-orders SUCCESS 2 3000 named
add_run stays Täglicher-Import FAILED 20 3000 none

# The settings that count are those of this script, whatever the surroundings say.
for name in $(env | sed -n 's/^\(FASTFLOW_ARCHIVE_[A-Z0-9_]*\)=.*/\1/p'); do
    unset "$name"
done
unset DATABASE_URL LOG_RETENTION_RUNS LOG_RETENTION_DAYS LOG_MAX_SIZE_MB DATA_DIR LOGS_DIR
export S3_ENDPOINT_URL S3_BUCKET S3_ACCESS_KEY S3_SECRET_ACCESS_KEY
export S3_PREFIX="$prefix" S3_BACKUP_ENABLED=true S3_REGION="$region" S3_USE_PATH_STYLE="$path_style"
[ -z "${S3_CA_BUNDLE:-}" ] || export S3_CA_BUNDLE

# --- helpers ----------------------------------------------------------------------------------------------------------

tree() {
    find . -type f -exec cksum {} + | sort
}

# run_tool NAME ARGUMENTS...: exit code 0 or the end; what it printed is in $work/NAME.
run_tool() {
    output=$work/$1
    shift
    code=0
    "$tool" "$@" >"$output" 2>&1 </dev/null || code=$?
    if [ "$code" != 0 ]; then
        cat "$output" >&2
        fail "\`fastflow-archive $*\` ended with $code"
    fi
    ok "fastflow-archive $* (exit 0)"
}

# The keys stay out of the list of processes.
printf 'user = "%s:%s"\n' "$verify_key" "$verify_secret" >"$work/curlrc"
[ -z "${S3_CA_BUNDLE:-}" ] || printf 'cacert = "%s"\n' "$S3_CA_BUNDLE" >>"$work/curlrc"
if [ "$path_style" = false ]; then
    base=$(printf '%s' "${S3_ENDPOINT_URL%/}" | sed "s|://|://$S3_BUCKET.|")
else
    base=${S3_ENDPOINT_URL%/}/$S3_BUCKET
fi

# fetch KEY FILE: prints the HTTP status.
fetch() {
    url=$base/$(printf '%s' "$1" | sed 's/ä/%C3%A4/g')
    curl --config "$work/curlrc" --silent --show-error --max-time 120 --aws-sigv4 "aws:amz:$region:s3" \
        --header 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --output "$2" --write-out '%{http_code}' "$url"
}

# same KEY FILE: the object is there and holds the file's bytes.
same() {
    status=$(fetch "$1" "$work/object") || fail "cannot read $1 back: curl failed"
    case $status in
        200) ;;
        403) fail "the store refuses to show $1: set S3_VERIFY_ACCESS_KEY and S3_VERIFY_SECRET_ACCESS_KEY to keys that may read" ;;
        *) fail "$1 is not in the bucket: HTTP status $status" ;;
    esac
    [ -z "$2" ] || cmp -s "$work/object" "$2" || fail "$1 differs from the file it was made of"
}

# --- the test ---------------------------------------------------------------------------------------------------------

total=$(sql 'SELECT COUNT(*) FROM pipeline_runs')
ok "made an instance of $total runs"

tree >"$work/before"
run_tool dry-run cleanup --dry-run
tree >"$work/after"
cmp -s "$work/before" "$work/after" || fail "the dry run changed files: $(diff "$work/before" "$work/after" | head -n 5)"
status=$(fetch "$prefix/notebook-analysis/$notebook/run.log" "$work/object") || fail "cannot reach $S3_ENDPOINT_URL: curl failed"
[ "$status" != 200 ] || fail 'the dry run put an object into the bucket'
ok 'the dry run changed nothing'

run_tool cleanup cleanup

objects=0
while IFS='|' read -r fate dashed pipeline log metrics; do
    id=$(printf '%s' "$dashed" | tr -d -)
    row=$(sql "SELECT COUNT(*) FROM pipeline_runs WHERE id = '$id'")
    if [ "$fate" = stays ]; then
        [ "$row" = 1 ] || fail "run $dashed is active or young, and its row is gone"
        cmp -s "logs/$log" "$work/originals/$dashed/run.log" || fail "run $dashed is active or young, and its log has changed"
        [ -z "$metrics" ] || [ -f "logs/$metrics" ] || fail "run $dashed is active or young, and its metrics are gone"
        continue
    fi
    key=$prefix/$pipeline/$dashed
    for file in "$work/originals/$dashed"/*; do
        same "$key/${file##*/}" "$file"
        objects=$((objects + 1))
    done
    same "$key/manifest.json" ''
    grep -q "$dashed" "$work/object" || fail "$key/manifest.json does not name its run"
    ! grep -q smoke-secret-value "$work/object" || fail "$key/manifest.json gives a secret of env_vars away"
    [ "$row" = 0 ] || fail "run $dashed is in the archive, and its row is still there"
    [ ! -e "logs/$log" ] || fail "run $dashed is in the archive, and its log is still there"
    [ -z "$metrics" ] || [ ! -e "logs/$metrics" ] || fail "run $dashed is in the archive, and its metrics are still there"
done <"$work/runs"
ok "$objects logs and metrics files are in the bucket byte for byte, each run with its manifest"
ok 'rows and files of those runs are gone; active and young runs are untouched'

same "$prefix/notebook-analysis/$notebook/cells.jsonl" ''
[ "$(grep -c . "$work/object")" = 2 ] || fail 'cells.jsonl of the notebook run does not hold its 2 cells'
grep -q aGVsbG8= "$work/object" || fail 'cells.jsonl of the notebook run lacks an output'
[ "$(sql 'SELECT COUNT(*) FROM run_cell_logs')" = 0 ] || fail 'cells of the notebook run are still in the database'
ok 'the cells of the notebook run are in the bucket, and gone from the database'

rows=$(sql 'SELECT group_concat(id) FROM (SELECT id FROM pipeline_runs ORDER BY id)')
run_tool again cleanup
[ "$rows" = "$(sql 'SELECT group_concat(id) FROM (SELECT id FROM pipeline_runs ORDER BY id)')" ] || fail 'the second cleanup deleted rows'
ok 'a second cleanup found nothing to do'

! grep -q smoke-secret-value "$work/dry-run" "$work/cleanup" "$work/again" || fail 'a secret of env_vars was printed'
printf 'smoke test passed; its objects are below %s/%s/\n' "$S3_BUCKET" "$prefix"
