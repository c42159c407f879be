//! The tables of Fast-Flow on both databases, as far as anyone here looks at them.

/// A database of today.
pub(crate) const CURRENT: &str = "
CREATE TABLE pipelines (
    pipeline_name VARCHAR NOT NULL PRIMARY KEY,
    total_runs INTEGER NOT NULL DEFAULT 0,
    successful_runs INTEGER NOT NULL DEFAULT 0,
    failed_runs INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE pipeline_runs (
    id CHAR(32) NOT NULL PRIMARY KEY,
    pipeline_name VARCHAR NOT NULL,
    status VARCHAR(11) NOT NULL,
    log_file VARCHAR NOT NULL,
    metrics_file VARCHAR,
    env_vars JSON,
    parameters JSON,
    uv_version VARCHAR,
    setup_duration FLOAT,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    exit_code INTEGER,
    triggered_by VARCHAR NOT NULL,
    run_config_id VARCHAR,
    git_sha VARCHAR,
    git_branch VARCHAR,
    git_commit_message VARCHAR
);
CREATE INDEX ix_pipeline_runs_status ON pipeline_runs (status);
CREATE INDEX ix_pipeline_runs_pipeline_name ON pipeline_runs (pipeline_name);
CREATE INDEX ix_pipeline_runs_started_at ON pipeline_runs (started_at);
CREATE INDEX ix_pipeline_runs_run_config_id ON pipeline_runs (run_config_id);
CREATE TABLE pipeline_daily_stats (
    pipeline_name VARCHAR NOT NULL,
    day DATE NOT NULL,
    total_runs INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pipeline_name, day)
);
CREATE TABLE orchestrator_settings (
    id INTEGER NOT NULL PRIMARY KEY,
    log_retention_runs INTEGER,
    log_retention_days INTEGER,
    log_max_size_mb INTEGER,
    email_enabled BOOLEAN,
    smtp_host VARCHAR,
    smtp_port INTEGER,
    smtp_user VARCHAR,
    smtp_password_encrypted VARCHAR,
    smtp_from VARCHAR,
    email_recipients VARCHAR,
    teams_enabled BOOLEAN,
    teams_webhook_url VARCHAR,
    s3_backup_enabled BOOLEAN,
    s3_endpoint_url VARCHAR,
    s3_bucket VARCHAR,
    s3_access_key_encrypted VARCHAR,
    s3_secret_access_key_encrypted VARCHAR,
    s3_region VARCHAR,
    s3_prefix VARCHAR,
    s3_use_path_style BOOLEAN
);
CREATE TABLE audit_log (
    id CHAR(32) NOT NULL PRIMARY KEY,
    created_at DATETIME NOT NULL,
    user_id CHAR(32),
    username VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    resource_type VARCHAR,
    resource_id VARCHAR,
    details JSON,
    ip_address VARCHAR
);
CREATE INDEX ix_audit_log_created_at ON audit_log (created_at);
";

/// A database from before migration 019: no `run_config_id`, no `git_*`, no Settings page, no audit log.
pub(crate) const OLD: &str = "
CREATE TABLE pipelines (
    pipeline_name VARCHAR NOT NULL PRIMARY KEY,
    total_runs INTEGER NOT NULL DEFAULT 0,
    successful_runs INTEGER NOT NULL DEFAULT 0,
    failed_runs INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE pipeline_runs (
    id CHAR(32) NOT NULL PRIMARY KEY,
    pipeline_name VARCHAR NOT NULL,
    status VARCHAR(11) NOT NULL,
    log_file VARCHAR NOT NULL,
    metrics_file VARCHAR,
    env_vars JSON,
    parameters JSON,
    uv_version VARCHAR,
    setup_duration FLOAT,
    started_at DATETIME NOT NULL,
    finished_at DATETIME,
    exit_code INTEGER,
    triggered_by VARCHAR NOT NULL
);
CREATE INDEX ix_pipeline_runs_status ON pipeline_runs (status);
CREATE INDEX ix_pipeline_runs_pipeline_name ON pipeline_runs (pipeline_name);
CREATE INDEX ix_pipeline_runs_started_at ON pipeline_runs (started_at);
";

/// Cells of notebook runs; `{on_delete}` is empty in a fresh database, `ON DELETE CASCADE` in one that was migrated.
pub(crate) const CELLS: &str = "
CREATE TABLE run_cell_logs (
    run_id CHAR(32) NOT NULL,
    cell_index INTEGER NOT NULL,
    status VARCHAR NOT NULL,
    stdout VARCHAR,
    stderr VARCHAR,
    outputs JSON,
    PRIMARY KEY (run_id, cell_index),
    FOREIGN KEY(run_id) REFERENCES pipeline_runs (id) {on_delete}
);
";

/// The same on PostgreSQL, as SQLModel makes them there. `{start}` and `{end}` are the types of the times: naive or not,
/// each for itself.
pub(crate) fn on_postgres(sql: &str, types: &PostgresTypes) -> String {
    let status = if types.text_status { "VARCHAR" } else { "runstatus" };
    sql.replace("run_config_id VARCHAR", "run_config_id UUID")
        .replace("CHAR(32)", "UUID")
        .replace("status VARCHAR(11)", &format!("status {status}"))
        .replace("started_at DATETIME", &format!("started_at {}", time(types.naive_start)))
        .replace("finished_at DATETIME", &format!("finished_at {}", time(types.naive_end)))
        .replace("DATETIME", time(types.naive_start))
        .replace("FLOAT", "DOUBLE PRECISION")
}

fn time(naive: bool) -> &'static str {
    if naive { "TIMESTAMP WITHOUT TIME ZONE" } else { "TIMESTAMP WITH TIME ZONE" }
}

/// What differs between Fast-Flow's databases on PostgreSQL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PostgresTypes {
    pub(crate) text_status: bool,
    pub(crate) naive_start: bool,
    pub(crate) naive_end: bool,
}

/// The type of `status`.
pub(crate) const RUN_STATUS: &str =
    "CREATE TYPE runstatus AS ENUM ('PENDING', 'RUNNING', 'SUCCESS', 'FAILED', 'INTERRUPTED', 'WARNING');";
