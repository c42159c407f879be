//! Rows of a run, as Fast-Flow writes them.

use anyhow::Result;
use rusqlite::{Connection, params};

use crate::clock::{iso_text, sql_text};
use crate::run_spec::RunSpec;

/// Adds the row of a run, its cells, and its pipeline.
pub(crate) fn insert(
    connection: &Connection,
    run: &RunSpec,
    log_file: &str,
    metrics_file: Option<&str>,
    old_schema: bool,
) -> Result<()> {
    let env_vars = run.env_vars.clone().unwrap_or_else(|| format!(r#"{{"DB_PASSWORD":"{}"}}"#, run.secret));
    let started_at = run.started_at_text.clone().unwrap_or_else(|| sql_text(run.started_at));
    let finished_at = run.finished_at_text.clone().or_else(|| run.finished_at.map(sql_text));
    let sql = "INSERT INTO pipeline_runs (id, pipeline_name, status, log_file, metrics_file, env_vars, parameters, \
               uv_version, setup_duration, started_at, finished_at, exit_code, triggered_by) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '0.9.2', 1.25, ?8, ?9, ?10, ?11)";
    connection.prepare(sql)?.execute(params![
        run.id,
        run.pipeline,
        run.status,
        log_file,
        metrics_file,
        env_vars,
        run.parameters,
        started_at,
        finished_at,
        run.exit_code,
        run.triggered_by
    ])?;
    if !old_schema {
        let sql = "UPDATE pipeline_runs SET git_sha = ?2, git_branch = 'main', \
                   git_commit_message = 'Löhne: Rundung' WHERE id = ?1";
        connection.prepare(sql)?.execute(params![run.id, run.git_sha])?;
    }
    for cell in &run.cells {
        let sql = "INSERT INTO run_cell_logs (run_id, cell_index, status, stdout, stderr, outputs) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        connection.prepare(sql)?.execute(params![
            run.id,
            cell.index,
            cell.status,
            cell.stdout,
            cell.stderr,
            cell.outputs
        ])?;
    }
    if run.known_pipeline {
        let sql = "INSERT INTO pipelines (pipeline_name, total_runs) VALUES (?1, 1) \
                   ON CONFLICT (pipeline_name) DO UPDATE SET total_runs = total_runs + 1";
        connection.prepare(sql)?.execute([&run.pipeline])?;
    }
    Ok(())
}

/// What is no JSON as a text in JSON: PostgreSQL takes nothing else.
fn as_json(text: String) -> String {
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(_) => text,
        Err(_) => serde_json::Value::String(text).to_string(),
    }
}

/// The same on PostgreSQL; its server writes the instants into its columns as they are: with a zone, or as wall time.
pub(crate) fn insert_into_postgres(
    client: &mut impl postgres::GenericClient,
    run: &RunSpec,
    log_file: &str,
    metrics_file: Option<&str>,
    old_schema: bool,
) -> Result<()> {
    let env_vars = run.env_vars.clone().unwrap_or_else(|| format!(r#"{{"DB_PASSWORD":"{}"}}"#, run.secret));
    let (env_vars, parameters) = (as_json(env_vars), run.parameters.clone().map(as_json));
    let started_at = run.started_at_text.clone().unwrap_or_else(|| iso_text(run.started_at));
    let finished_at = run.finished_at_text.clone().or_else(|| run.finished_at.map(iso_text));
    let exit_code = run.exit_code.map(|code| code as i32);
    // Text becomes whatever its column is, as a literal would.
    let types = client.query(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 'pipeline_runs'::regclass AND attname = 'status'",
        &[],
    )?;
    let status_type: &str = types[0].get(0);
    let sql = format!(
        "INSERT INTO pipeline_runs (id, pipeline_name, status, log_file, metrics_file, env_vars, parameters, \
         uv_version, setup_duration, started_at, finished_at, exit_code, triggered_by) \
         VALUES ($1::text::uuid, $2, $3::text::{status_type}, $4, $5, $6::text::json, $7::text::json, '0.9.2', 1.25, \
         $8::text::timestamptz, $9::text::timestamptz, $10, $11)"
    );
    client.execute(
        &sql,
        &[
            &run.id,
            &run.pipeline,
            &run.status,
            &log_file,
            &metrics_file,
            &env_vars,
            &parameters,
            &started_at,
            &finished_at,
            &exit_code,
            &run.triggered_by,
        ],
    )?;
    if !old_schema {
        let sql = "UPDATE pipeline_runs SET git_sha = $2, git_branch = 'main', \
                   git_commit_message = 'Löhne: Rundung' WHERE id = $1::text::uuid";
        client.execute(sql, &[&run.id, &run.git_sha])?;
    }
    for cell in &run.cells {
        let sql = "INSERT INTO run_cell_logs (run_id, cell_index, status, stdout, stderr, outputs) \
                   VALUES ($1::text::uuid, $2, $3, $4, $5, $6::text::json)";
        let index = cell.index as i32;
        client.execute(sql, &[&run.id, &index, &cell.status, &cell.stdout, &cell.stderr, &cell.outputs])?;
    }
    if run.known_pipeline {
        let sql = "INSERT INTO pipelines (pipeline_name, total_runs) VALUES ($1, 1) \
                   ON CONFLICT (pipeline_name) DO UPDATE SET total_runs = pipelines.total_runs + 1";
        client.execute(sql, &[&run.pipeline])?;
    }
    Ok(())
}
