# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_fastflow_archive_global_optspecs
    string join \n env-file= data-dir= logs-dir= database= database-timezone= state-dir= path-map= no-ui-settings lock-wait= json q/quiet v/verbose color= h/help V/version
end

function __fish_fastflow_archive_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_fastflow_archive_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_fastflow_archive_using_subcommand
    set -l cmd (__fish_fastflow_archive_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -s h -l help -d 'Print help'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "plan" -d 'Show what is due, why, and how much; changes nothing and needs no S3 access'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "backup" -d 'Archive the due runs, delete nothing'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "cleanup" -d 'Archive the due runs, then delete them, run by run'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "verify" -d 'Compare the archive with receipts and manifests, change nothing'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "restore" -d 'Bring archived files of runs back into a folder, or whole runs into the instance'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "list" -d 'Show what is archived, from the ledger or from the bucket'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "ledger" -d 'Check, print or rebuild the record of what was done'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "notify" -d 'Tell operators by e-mail and Microsoft Teams'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "doctor" -d 'Say line by line what is well and what is not, and what to do; leaves one small object in the bucket'
complete -c fastflow-archive -n "__fish_fastflow_archive_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l pipeline -d 'Only runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l run -d 'Only this run; repeatable. A run that is not due is reported, not archived' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l older-than -d 'Only runs that ended longer ago than this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l limit -d 'At most this many runs, the oldest first' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l log-retention-runs -d 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l log-retention-days -d 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l log-max-size-mb -d 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l min-age -d 'Leave alone what ended less than this ago' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l all -d 'Every finished run, due or not'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand plan" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l pipeline -d 'Only runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l run -d 'Only this run; repeatable. A run that is not due is reported, not archived' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l older-than -d 'Only runs that ended longer ago than this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l limit -d 'At most this many runs, the oldest first' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l log-retention-runs -d 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l log-retention-days -d 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l log-max-size-mb -d 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l min-age -d 'Leave alone what ended less than this ago' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l bwlimit -d 'Send at most this much in a second: 10M, 512K, 1.5G (binary units; a bare number counts KiB), or off' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l notify -d 'When to send a message by e-mail and Microsoft Teams; the same trouble at most once a day' -r -f -a "always\t'After every call'
failure\t'When something went wrong, and once when all is well again'
never\t'Never'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l metrics-file -d 'File for the textfile collector of Prometheus\'s node exporter, such as /var/lib/node_exporter/fastflow.prom' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l ping-url -d 'Address of a check at healthchecks.io or the like, pinged at start and end' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l all -d 'Every finished run, due or not'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -s n -l dry-run -d 'Show what would be done, change nothing'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l accept-moved-logs -d 'Go on although the log directory lies on another volume than last time'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand backup" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l pipeline -d 'Only runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l run -d 'Only this run; repeatable. A run that is not due is reported, not archived' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l older-than -d 'Only runs that ended longer ago than this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l limit -d 'At most this many runs, the oldest first' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l log-retention-runs -d 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l log-retention-days -d 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l log-max-size-mb -d 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l min-age -d 'Leave alone what ended less than this ago' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l bwlimit -d 'Send at most this much in a second: 10M, 512K, 1.5G (binary units; a bare number counts KiB), or off' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l notify -d 'When to send a message by e-mail and Microsoft Teams; the same trouble at most once a day' -r -f -a "always\t'After every call'
failure\t'When something went wrong, and once when all is well again'
never\t'Never'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l metrics-file -d 'File for the textfile collector of Prometheus\'s node exporter, such as /var/lib/node_exporter/fastflow.prom' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l ping-url -d 'Address of a check at healthchecks.io or the like, pinged at start and end' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l max-delete -d 'Stop before anything is changed when more runs than this are due' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -s n -l dry-run -d 'Show what would be done, change nothing'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l accept-moved-logs -d 'Go on although the log directory lies on another volume than last time'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l allow-missing-logs -d 'Archive and delete runs whose log is missing, with what there is'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand cleanup" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l pipeline -d 'Only runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l run -d 'Only this run; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l older-than -d 'Only runs that were archived longer ago than this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l limit -d 'At most this many runs: with --deep or --sample the least recently read, else those archived first' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l log-retention-runs -d 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l log-retention-days -d 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l log-max-size-mb -d 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l min-age -d 'Leave alone what ended less than this ago' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l sample -d 'Look at every object, and download and hash those of this share of the runs: the least recently read, then by chance' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l metrics-file -d 'File for the textfile collector of Prometheus\'s node exporter, such as /var/lib/node_exporter/fastflow.prom' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l ping-url -d 'Address of a check at healthchecks.io or the like, pinged at start and end' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l all -d 'Also look at what is in the bucket without a receipt'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l deep -d 'Download and hash every object'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand verify" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l pipeline -d 'All archived runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l since -d 'Only runs that were archived at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l until -d 'Only runs that were archived before this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l to -d 'Folder that gets PIPELINE/RUN_ID/ with the files of each run; made where it is missing' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l to-instance -d 'Bring log and metrics back to their places, and row and cells into the database, where no row has the id'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l raw -d 'Leave what was cut off logs in pieces, instead of joining it with the rest'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l overwrite -d 'Replace files that are there and differ'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l remote -d 'Look for the runs in the bucket, also where there is a ledger'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand restore" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l pipeline -d 'Only runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l since -d 'Only runs that were archived at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l until -d 'Only runs that were archived before this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l remote -d 'What is in the bucket, instead of what the ledger says'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand list" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -s h -l help -d 'Print help'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -f -a "verify" -d 'Check the chain of entries, and the anchors in the bucket where they can be read'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -f -a "export" -d 'Print the entries; with --json each line as it was hashed'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -f -a "rebuild" -d 'Write receipts back from the manifests in the bucket, after the ledger was lost'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and not __fish_seen_subcommand_from verify export rebuild help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l since -d 'Only entries written at or after this, as 2026-08-04 or 2026-08-04T02:00:00Z' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from export" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from rebuild" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Check the chain of entries, and the anchors in the bucket where they can be read'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from help" -f -a "export" -d 'Print the entries; with --json each line as it was hashed'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from help" -f -a "rebuild" -d 'Write receipts back from the manifests in the bucket, after the ledger was lost'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand ledger; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -s h -l help -d 'Print help'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -f -a "test" -d 'Send a marked message on each configured channel, and say for each what happened'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and not __fish_seen_subcommand_from test help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from test" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from help" -f -a "test" -d 'Send a marked message on each configured channel, and say for each what happened'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand notify; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l pipeline -d 'Only runs of this pipeline; repeatable' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l run -d 'Only this run; repeatable. A run that is not due is reported, not archived' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l older-than -d 'Only runs that ended longer ago than this' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l limit -d 'At most this many runs, the oldest first' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l log-retention-runs -d 'Runs kept per pipeline; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_RUNS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l log-retention-days -d 'Days that a run is kept after its end; 0 or empty: unlimited [Fast-Flow: LOG_RETENTION_DAYS]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l log-max-size-mb -d 'Longest log in MiB; 0 or empty: unlimited [Fast-Flow: LOG_MAX_SIZE_MB]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l min-age -d 'Leave alone what ended less than this ago' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l s3-endpoint-url -d 'Address of the store [Fast-Flow: S3_ENDPOINT_URL]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l s3-bucket -d 'Bucket [Fast-Flow: S3_BUCKET]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l s3-region -d 'Region [Fast-Flow: S3_REGION] [default: us-east-1]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l s3-prefix -d 'First part of every key [Fast-Flow: S3_PREFIX] [default: pipeline-logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l s3-use-path-style -d 'Bucket in the path instead of the host name [Fast-Flow: S3_USE_PATH_STYLE] [default: true]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l s3-backup-enabled -d 'Whether there is an archive [Fast-Flow: S3_BACKUP_ENABLED] [default: true where S3 is configured]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l proof -d 'What must be proven before anything may be deleted' -r -f -a "receipt\t'The store confirmed the digests it was sent; works with a key that may only put'
head\t'Also a HEAD request that shows size and digest'
readback\t'Also read back and hashed'"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l concurrency -d 'Runs, and objects, on their way at the same time; fewer while the store asks for less' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l env-file -d 'File with Fast-Flow\'s settings, read as Fast-Flow reads it [default: ./.env where it exists]' -r -F
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l data-dir -d 'Fast-Flow\'s data directory [Fast-Flow: DATA_DIR] [default: ./data]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l logs-dir -d 'Fast-Flow\'s log directory [Fast-Flow: LOGS_DIR] [default: ./logs]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l database -d 'Fast-Flow\'s database [Fast-Flow: DATABASE_URL] [default: SQLite, fastflow.db in the data directory]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l database-timezone -d 'Zone of naive time columns of PostgreSQL, such as Europe/Berlin [default: the session\'s, as for Fast-Flow]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l state-dir -d 'Folder of ledger and lock [default: the data directory; with PostgreSQL none, but a schema in the database]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l path-map -d 'How paths in the database translate to paths here; repeatable [default: /app/logs=<logs-dir>]' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l lock-wait -d 'How long to wait for another instance to finish' -r
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l color -d 'When to colour: NO_COLOR beats CLICOLOR_FORCE beats this' -r -f -a "auto\t''
always\t''
never\t''"
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l no-ui-settings -d 'Leave the Settings page of Fast-Flow out of account'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -l json -d 'Print JSON Lines on stdout instead of text'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -s v -l verbose -d 'Print more: settings with their sources, every run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "plan" -d 'Show what is due, why, and how much; changes nothing and needs no S3 access'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "backup" -d 'Archive the due runs, delete nothing'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "cleanup" -d 'Archive the due runs, then delete them, run by run'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "verify" -d 'Compare the archive with receipts and manifests, change nothing'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "restore" -d 'Bring archived files of runs back into a folder, or whole runs into the instance'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "list" -d 'Show what is archived, from the ledger or from the bucket'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "ledger" -d 'Check, print or rebuild the record of what was done'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "notify" -d 'Tell operators by e-mail and Microsoft Teams'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "doctor" -d 'Say line by line what is well and what is not, and what to do; leaves one small object in the bucket'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and not __fish_seen_subcommand_from plan backup cleanup verify restore list ledger notify doctor help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and __fish_seen_subcommand_from ledger" -f -a "verify" -d 'Check the chain of entries, and the anchors in the bucket where they can be read'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and __fish_seen_subcommand_from ledger" -f -a "export" -d 'Print the entries; with --json each line as it was hashed'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and __fish_seen_subcommand_from ledger" -f -a "rebuild" -d 'Write receipts back from the manifests in the bucket, after the ledger was lost'
complete -c fastflow-archive -n "__fish_fastflow_archive_using_subcommand help; and __fish_seen_subcommand_from notify" -f -a "test" -d 'Send a marked message on each configured channel, and say for each what happened'
