DROP TABLE bursar_task, ledger_entry, bursar_row, inbound_file, alma_event, shared_layout;
DELETE FROM delivery WHERE (tenant_id, file_id) IN (
    SELECT tenant_id, id FROM file WHERE part > 1 OR kind NOT IN ('added', 'released', 'snapshot', 'collected'));
DELETE FROM file WHERE part > 1 OR kind NOT IN ('added', 'released', 'snapshot', 'collected');
ALTER TABLE file DROP CONSTRAINT uq_file_tenant_id_run_id_kind_hold_code_part;
ALTER TABLE file DROP COLUMN part;
ALTER TABLE file ADD CONSTRAINT uq_file_tenant_id_run_id_kind_hold_code UNIQUE (tenant_id, run_id, kind, hold_code);
ALTER TABLE file ADD CONSTRAINT ck_file_kind CHECK (kind in ('added', 'released', 'snapshot', 'collected'));
ALTER TABLE delivery DROP COLUMN acknowledged_at, DROP COLUMN acknowledgement,
    DROP COLUMN awaited_until;
UPDATE quarantined_row SET decision = 'mended' WHERE decision = 'released';
ALTER TABLE quarantined_row DROP CONSTRAINT ck_quarantined_row_decision;
ALTER TABLE quarantined_row ADD CONSTRAINT ck_quarantined_row_decision CHECK (decision in ('ignored', 'mended'));
ALTER TABLE quarantined_row DROP COLUMN pipeline, DROP COLUMN rule, DROP COLUMN owner_id, DROP COLUMN patch;
ALTER TABLE layout_version DROP COLUMN effective_on, DROP COLUMN note, DROP COLUMN golden,
    DROP COLUMN follows_owner_id, DROP COLUMN follows_name;
DROP INDEX uq_run_one_at_a_time;
ALTER TABLE run DROP COLUMN lane;
ALTER TABLE run ADD COLUMN lane TEXT NOT NULL GENERATED ALWAYS AS (CASE WHEN pipeline IN ('holds_export', 'resend_file') THEN 'holds' ELSE pipeline END) STORED;
CREATE UNIQUE INDEX uq_run_one_at_a_time ON run (tenant_id, lane) WHERE started_at is not null and finished_at is null and not dry_run;
GRANT SELECT (lane) ON run TO feebridge_scheduler;
