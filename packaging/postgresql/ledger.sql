-- The ledger of fastflow-archive in Fast-Flow's own database: its tables, in a schema that is there and empty. An
-- administrator makes both at once with
--   psql -d fastflow --single-transaction -c 'CREATE SCHEMA fastflow_archive' -f ledger.sql
-- and then grants what the README says; a role that may create the schema, or owns it, needs neither: the first backup or
-- cleanup runs this very file.

-- What the tables are, and whose: a version, and from the first entry on the id of the ledger.
CREATE TABLE fastflow_archive.meta (
    name text PRIMARY KEY,
    value text NOT NULL
);
INSERT INTO fastflow_archive.meta (name, value) VALUES ('version', '1');

-- One table of lines, each as it was hashed; what is looked up by is computed from them, so that it cannot say anything else.
-- Kind and run stand at the beginning, behind nothing but numbers and a time; JSON functions would refuse a line with a NUL.
CREATE TABLE fastflow_archive.entries (
    seq bigint PRIMARY KEY,
    body text NOT NULL,
    hash text NOT NULL,
    entry text COLLATE "C" GENERATED ALWAYS AS (split_part(split_part(left(body, 400), '"entry":"', 2), '"', 1)) STORED,
    run_id text COLLATE "C" GENERATED ALWAYS AS (
        CASE WHEN split_part(split_part(left(body, 400), '"entry":"', 2), '"', 1)
            IN ('archived', 'intended', 'deleted', 'kept', 'truncated', 'log_removed', 'restored')
        THEN split_part(split_part(left(body, 400), '"run_id":"', 2), '"', 1) END
    ) STORED
);
CREATE INDEX entries_of_runs ON fastflow_archive.entries (run_id, entry, seq DESC) WHERE run_id IS NOT NULL;
CREATE INDEX entries_began ON fastflow_archive.entries (seq) WHERE entry = 'began';
CREATE INDEX entries_ended ON fastflow_archive.entries (seq) WHERE entry = 'ended';

-- Entries are only ever added, at the end, and only such as carry the hash of the one before them.
CREATE FUNCTION fastflow_archive.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE FUNCTION fastflow_archive.refuse_unchained() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last_seq bigint;
    last_hash text;
BEGIN
    SELECT seq, hash INTO last_seq, last_hash FROM fastflow_archive.entries ORDER BY seq DESC LIMIT 1;
    IF NOT FOUND THEN
        last_seq := 0;
        last_hash := repeat('0', 64);
    END IF;
    IF NEW.seq <> last_seq + 1 OR NEW.hash <> encode(sha256(convert_to(NEW.body, 'UTF8')), 'hex')
       OR NOT starts_with(NEW.body, format('{"type":"ledger","seq":%s,"previous":"%s",', NEW.seq, last_hash)) THEN
        RAISE EXCEPTION 'the ledger is append-only, and entry % does not follow the last one', NEW.seq;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON fastflow_archive.entries
    FOR EACH STATEMENT EXECUTE FUNCTION fastflow_archive.refuse();
CREATE TRIGGER entries_come_last BEFORE INSERT ON fastflow_archive.entries
    FOR EACH ROW EXECUTE FUNCTION fastflow_archive.refuse_unchained();
CREATE TRIGGER meta_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON fastflow_archive.meta
    FOR EACH STATEMENT EXECUTE FUNCTION fastflow_archive.refuse();
ALTER TABLE fastflow_archive.entries ENABLE ALWAYS TRIGGER entries_are_never_changed;
ALTER TABLE fastflow_archive.entries ENABLE ALWAYS TRIGGER entries_come_last;
ALTER TABLE fastflow_archive.meta ENABLE ALWAYS TRIGGER meta_is_never_changed;

-- No evidence, and may change: when runs were last read, and what operators were told last.
CREATE TABLE fastflow_archive.checks (
    run_id text COLLATE "C" PRIMARY KEY,
    read_at text COLLATE "C" NOT NULL
);
CREATE TABLE fastflow_archive.notification_state (
    command text,
    channel text,
    cause text NOT NULL,
    since text NOT NULL,
    sent_at text,
    PRIMARY KEY (command, channel)
);

-- For people with psql. PostgreSQL has no text with a NUL, JSON has: it is shown as the sign for what cannot be shown.
CREATE VIEW fastflow_archive.receipts AS SELECT
    seq, run_id, line ->> 'pipeline' AS pipeline, line ->> 'bucket' AS bucket, receipt ->> 'name' AS name,
    receipt ->> 'key' AS key, (receipt ->> 'bytes')::bigint AS bytes, receipt ->> 'sha256' AS sha256,
    receipt ->> 'md5' AS md5, receipt ->> 'version_id' AS version_id, receipt ->> 'level' AS level,
    receipt ->> 'method' AS method, receipt ->> 'at' AS at
    FROM fastflow_archive.entries
    CROSS JOIN LATERAL (SELECT replace(body, '\u0000', '\ufffd')::json AS line) AS lines
    CROSS JOIN LATERAL json_array_elements(line -> 'receipts') AS receipt
    WHERE entry = 'archived';
CREATE VIEW fastflow_archive.deletions AS SELECT
    seq, line ->> 'at' AS at, run_id, line ->> 'pipeline' AS pipeline, entry AS phase, line ->> 'rule' AS rule,
    (line -> 'files')::text AS files, line ->> 'note' AS note
    FROM fastflow_archive.entries
    CROSS JOIN LATERAL (SELECT replace(body, '\u0000', '\ufffd')::json AS line) AS lines
    WHERE entry IN ('intended', 'deleted', 'kept', 'truncated', 'log_removed');

-- The owner has these rights otherwise; triggers hold anybody who grants them anew.
REVOKE UPDATE, DELETE, TRUNCATE ON fastflow_archive.entries, fastflow_archive.meta FROM CURRENT_USER, PUBLIC;
