-- For lists that would read past what they don't show. Of what stands in these indexes a refresh changes nothing.
CREATE INDEX grants_live ON grants (created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX audit_log_address ON audit_log (address, at, id);
CREATE INDEX audit_refusals_account ON audit_refusals (account, minute);
CREATE INDEX letters_waiting ON letters (id) WHERE failed_at IS NULL;
CREATE INDEX letters_given_up ON letters (id) WHERE failed_at IS NOT NULL;
