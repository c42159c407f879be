
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'fastflow-archive' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'fastflow-archive'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'fastflow-archive' {
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what is due, why, and how much; changes nothing and needs no S3 access')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Archive the due runs, delete nothing')
            [CompletionResult]::new('cleanup', 'cleanup', [CompletionResultType]::ParameterValue, 'Archive the due runs, then delete them, run by run')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Compare the archive with receipts and manifests, change nothing')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Bring archived files of runs back into a folder, or whole runs into the instance')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show what is archived, from the ledger or from the bucket')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Check, print or rebuild the record of what was done')
            [CompletionResult]::new('notify', 'notify', [CompletionResultType]::ParameterValue, 'Tell operators by e-mail and Microsoft Teams')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say line by line what is well and what is not, and what to do; leaves one small object in the bucket')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'fastflow-archive;plan' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'Only runs of this pipeline; repeatable')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only this run; repeatable. A run that is not due is reported, not archived')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only runs that ended longer ago than this')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most this many runs, the oldest first')
            [CompletionResult]::new('--log-retention-runs', '--log-retention-runs', [CompletionResultType]::ParameterName, 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]')
            [CompletionResult]::new('--log-retention-days', '--log-retention-days', [CompletionResultType]::ParameterName, 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]')
            [CompletionResult]::new('--log-max-size-mb', '--log-max-size-mb', [CompletionResultType]::ParameterName, 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]')
            [CompletionResult]::new('--min-age', '--min-age', [CompletionResultType]::ParameterName, 'Leave alone what ended less than this ago')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every finished run, due or not')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;backup' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'Only runs of this pipeline; repeatable')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only this run; repeatable. A run that is not due is reported, not archived')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only runs that ended longer ago than this')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most this many runs, the oldest first')
            [CompletionResult]::new('--log-retention-runs', '--log-retention-runs', [CompletionResultType]::ParameterName, 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]')
            [CompletionResult]::new('--log-retention-days', '--log-retention-days', [CompletionResultType]::ParameterName, 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]')
            [CompletionResult]::new('--log-max-size-mb', '--log-max-size-mb', [CompletionResultType]::ParameterName, 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]')
            [CompletionResult]::new('--min-age', '--min-age', [CompletionResultType]::ParameterName, 'Leave alone what ended less than this ago')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--bwlimit', '--bwlimit', [CompletionResultType]::ParameterName, 'Send at most this much in a second: 10M, 512K, 1.5G (binary units; a bare number counts KiB), or off')
            [CompletionResult]::new('--notify', '--notify', [CompletionResultType]::ParameterName, 'When to send a message by e-mail and Microsoft Teams; the same trouble at most once a day')
            [CompletionResult]::new('--metrics-file', '--metrics-file', [CompletionResultType]::ParameterName, 'File for the textfile collector of Prometheus''s node exporter, such as /var/lib/node_exporter/fastflow.prom')
            [CompletionResult]::new('--ping-url', '--ping-url', [CompletionResultType]::ParameterName, 'Address of a check at healthchecks.io or the like, pinged at start and end')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Every finished run, due or not')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would be done, change nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, change nothing')
            [CompletionResult]::new('--accept-moved-logs', '--accept-moved-logs', [CompletionResultType]::ParameterName, 'Go on although the log directory lies on another volume than last time')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;cleanup' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'Only runs of this pipeline; repeatable')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only this run; repeatable. A run that is not due is reported, not archived')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only runs that ended longer ago than this')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most this many runs, the oldest first')
            [CompletionResult]::new('--log-retention-runs', '--log-retention-runs', [CompletionResultType]::ParameterName, 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]')
            [CompletionResult]::new('--log-retention-days', '--log-retention-days', [CompletionResultType]::ParameterName, 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]')
            [CompletionResult]::new('--log-max-size-mb', '--log-max-size-mb', [CompletionResultType]::ParameterName, 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]')
            [CompletionResult]::new('--min-age', '--min-age', [CompletionResultType]::ParameterName, 'Leave alone what ended less than this ago')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--bwlimit', '--bwlimit', [CompletionResultType]::ParameterName, 'Send at most this much in a second: 10M, 512K, 1.5G (binary units; a bare number counts KiB), or off')
            [CompletionResult]::new('--notify', '--notify', [CompletionResultType]::ParameterName, 'When to send a message by e-mail and Microsoft Teams; the same trouble at most once a day')
            [CompletionResult]::new('--metrics-file', '--metrics-file', [CompletionResultType]::ParameterName, 'File for the textfile collector of Prometheus''s node exporter, such as /var/lib/node_exporter/fastflow.prom')
            [CompletionResult]::new('--ping-url', '--ping-url', [CompletionResultType]::ParameterName, 'Address of a check at healthchecks.io or the like, pinged at start and end')
            [CompletionResult]::new('--max-delete', '--max-delete', [CompletionResultType]::ParameterName, 'Stop before anything is changed when more runs than this are due')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Show what would be done, change nothing')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be done, change nothing')
            [CompletionResult]::new('--accept-moved-logs', '--accept-moved-logs', [CompletionResultType]::ParameterName, 'Go on although the log directory lies on another volume than last time')
            [CompletionResult]::new('--allow-missing-logs', '--allow-missing-logs', [CompletionResultType]::ParameterName, 'Archive and delete runs whose log is missing, with what there is')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;verify' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'Only runs of this pipeline; repeatable')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only this run; repeatable')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only runs that were archived longer ago than this')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most this many runs: with --deep or --sample the least recently read, else those archived first')
            [CompletionResult]::new('--log-retention-runs', '--log-retention-runs', [CompletionResultType]::ParameterName, 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]')
            [CompletionResult]::new('--log-retention-days', '--log-retention-days', [CompletionResultType]::ParameterName, 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]')
            [CompletionResult]::new('--log-max-size-mb', '--log-max-size-mb', [CompletionResultType]::ParameterName, 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]')
            [CompletionResult]::new('--min-age', '--min-age', [CompletionResultType]::ParameterName, 'Leave alone what ended less than this ago')
            [CompletionResult]::new('--sample', '--sample', [CompletionResultType]::ParameterName, 'Look at every object, and download and hash those of this share of the runs: the least recently read, then by chance')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--metrics-file', '--metrics-file', [CompletionResultType]::ParameterName, 'File for the textfile collector of Prometheus''s node exporter, such as /var/lib/node_exporter/fastflow.prom')
            [CompletionResult]::new('--ping-url', '--ping-url', [CompletionResultType]::ParameterName, 'Address of a check at healthchecks.io or the like, pinged at start and end')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also look at what is in the bucket without a receipt')
            [CompletionResult]::new('--deep', '--deep', [CompletionResultType]::ParameterName, 'Download and hash every object')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;restore' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'All archived runs of this pipeline; repeatable')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only runs that were archived at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Only runs that were archived before this')
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Folder that gets PIPELINE/RUN_ID/ with the files of each run; made where it is missing')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--to-instance', '--to-instance', [CompletionResultType]::ParameterName, 'Bring log and metrics back to their places, and row and cells into the database, where no row has the id')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Leave what was cut off logs in pieces, instead of joining it with the rest')
            [CompletionResult]::new('--overwrite', '--overwrite', [CompletionResultType]::ParameterName, 'Replace files that are there and differ')
            [CompletionResult]::new('--remote', '--remote', [CompletionResultType]::ParameterName, 'Look for the runs in the bucket, also where there is a ledger')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;list' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'Only runs of this pipeline; repeatable')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only runs that were archived at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Only runs that were archived before this')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--remote', '--remote', [CompletionResultType]::ParameterName, 'What is in the bucket, instead of what the ledger says')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;ledger' {
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the chain of entries, and the anchors in the bucket where they can be read')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Print the entries; with --json each line as it was hashed')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Write receipts back from the manifests in the bucket, after the ledger was lost')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'fastflow-archive;ledger;verify' {
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;ledger;export' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only entries written at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;ledger;rebuild' {
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;ledger;help' {
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the chain of entries, and the anchors in the bucket where they can be read')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Print the entries; with --json each line as it was hashed')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Write receipts back from the manifests in the bucket, after the ledger was lost')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'fastflow-archive;ledger;help;verify' {
            break
        }
        'fastflow-archive;ledger;help;export' {
            break
        }
        'fastflow-archive;ledger;help;rebuild' {
            break
        }
        'fastflow-archive;ledger;help;help' {
            break
        }
        'fastflow-archive;notify' {
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Send a marked message on each configured channel, and say for each what happened')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'fastflow-archive;notify;test' {
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;notify;help' {
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Send a marked message on each configured channel, and say for each what happened')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'fastflow-archive;notify;help;test' {
            break
        }
        'fastflow-archive;notify;help;help' {
            break
        }
        'fastflow-archive;doctor' {
            [CompletionResult]::new('--pipeline', '--pipeline', [CompletionResultType]::ParameterName, 'Only runs of this pipeline; repeatable')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Only this run; repeatable. A run that is not due is reported, not archived')
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only runs that ended longer ago than this')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'At most this many runs, the oldest first')
            [CompletionResult]::new('--log-retention-runs', '--log-retention-runs', [CompletionResultType]::ParameterName, 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]')
            [CompletionResult]::new('--log-retention-days', '--log-retention-days', [CompletionResultType]::ParameterName, 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]')
            [CompletionResult]::new('--log-max-size-mb', '--log-max-size-mb', [CompletionResultType]::ParameterName, 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]')
            [CompletionResult]::new('--min-age', '--min-age', [CompletionResultType]::ParameterName, 'Leave alone what ended less than this ago')
            [CompletionResult]::new('--s3-endpoint-url', '--s3-endpoint-url', [CompletionResultType]::ParameterName, 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]')
            [CompletionResult]::new('--s3-bucket', '--s3-bucket', [CompletionResultType]::ParameterName, 'Bucket [Fast-Flow: S3_BUCKET]')
            [CompletionResult]::new('--s3-region', '--s3-region', [CompletionResultType]::ParameterName, 'Region [Fast-Flow: S3_REGION] [default: us-east-1]')
            [CompletionResult]::new('--s3-prefix', '--s3-prefix', [CompletionResultType]::ParameterName, 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]')
            [CompletionResult]::new('--s3-use-path-style', '--s3-use-path-style', [CompletionResultType]::ParameterName, 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]')
            [CompletionResult]::new('--s3-backup-enabled', '--s3-backup-enabled', [CompletionResultType]::ParameterName, 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]')
            [CompletionResult]::new('--proof', '--proof', [CompletionResultType]::ParameterName, 'What must be proven before anything may be deleted')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Runs, and objects, on their way at the same time; fewer while the store asks for less')
            [CompletionResult]::new('--env-file', '--env-file', [CompletionResultType]::ParameterName, 'File with Fast-Flow''s settings, read as Fast-Flow reads it [default: ./.env where it exists]')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s data directory [Fast-Flow: DATA_DIR] [default: ./data]')
            [CompletionResult]::new('--logs-dir', '--logs-dir', [CompletionResultType]::ParameterName, 'Fast-Flow''s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Fast-Flow''s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]')
            [CompletionResult]::new('--database-timezone', '--database-timezone', [CompletionResultType]::ParameterName, 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session''s, as for Fast-Flow]')
            [CompletionResult]::new('--state-dir', '--state-dir', [CompletionResultType]::ParameterName, 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]')
            [CompletionResult]::new('--path-map', '--path-map', [CompletionResultType]::ParameterName, 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]')
            [CompletionResult]::new('--lock-wait', '--lock-wait', [CompletionResultType]::ParameterName, 'How long to wait for another instance to finish')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this')
            [CompletionResult]::new('--no-ui-settings', '--no-ui-settings', [CompletionResultType]::ParameterName, 'Leave the Settings page of Fast-Flow out of account')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON Lines on stdout instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Print more: settings with their sources, every run')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'fastflow-archive;help' {
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what is due, why, and how much; changes nothing and needs no S3 access')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Archive the due runs, delete nothing')
            [CompletionResult]::new('cleanup', 'cleanup', [CompletionResultType]::ParameterValue, 'Archive the due runs, then delete them, run by run')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Compare the archive with receipts and manifests, change nothing')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Bring archived files of runs back into a folder, or whole runs into the instance')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'Show what is archived, from the ledger or from the bucket')
            [CompletionResult]::new('ledger', 'ledger', [CompletionResultType]::ParameterValue, 'Check, print or rebuild the record of what was done')
            [CompletionResult]::new('notify', 'notify', [CompletionResultType]::ParameterValue, 'Tell operators by e-mail and Microsoft Teams')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Say line by line what is well and what is not, and what to do; leaves one small object in the bucket')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'fastflow-archive;help;plan' {
            break
        }
        'fastflow-archive;help;backup' {
            break
        }
        'fastflow-archive;help;cleanup' {
            break
        }
        'fastflow-archive;help;verify' {
            break
        }
        'fastflow-archive;help;restore' {
            break
        }
        'fastflow-archive;help;list' {
            break
        }
        'fastflow-archive;help;ledger' {
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Check the chain of entries, and the anchors in the bucket where they can be read')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Print the entries; with --json each line as it was hashed')
            [CompletionResult]::new('rebuild', 'rebuild', [CompletionResultType]::ParameterValue, 'Write receipts back from the manifests in the bucket, after the ledger was lost')
            break
        }
        'fastflow-archive;help;ledger;verify' {
            break
        }
        'fastflow-archive;help;ledger;export' {
            break
        }
        'fastflow-archive;help;ledger;rebuild' {
            break
        }
        'fastflow-archive;help;notify' {
            [CompletionResult]::new('test', 'test', [CompletionResultType]::ParameterValue, 'Send a marked message on each configured channel, and say for each what happened')
            break
        }
        'fastflow-archive;help;notify;test' {
            break
        }
        'fastflow-archive;help;doctor' {
            break
        }
        'fastflow-archive;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
