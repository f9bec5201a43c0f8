DROP INDEX ix_ledger_entry_reference;
DROP TABLE journal_line, money_check, reconciliation_day, difference, alma_transaction, payment_line, payment,
    payment_row, payment_item, alma_fee;
DELETE FROM inbound_file WHERE kind IN ('payments', 'hold_list', 'student_list');
ALTER TABLE inbound_file DROP CONSTRAINT ck_inbound_file_kind;
ALTER TABLE inbound_file ADD CONSTRAINT ck_inbound_file_kind CHECK (kind in ('bursar_xml', 'load_result'));
