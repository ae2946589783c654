-- The audit log is sealed: each seal covers a batch of committed rows and the seal before it.

-- events and refusals are audit.Marks; both are empty once the rows have left (pruned_at), and only the newest
-- such seal stays.
CREATE TABLE audit_seals (
	number           BIGINT NOT NULL PRIMARY KEY,
	at               BIGINT NOT NULL,
	complete_at      BIGINT NOT NULL,
	refusals_through BIGINT NOT NULL,
	previous         BYTEA  NOT NULL,
	body             BYTEA  NOT NULL,
	hash             BYTEA  NOT NULL,
	tag              BYTEA  NOT NULL,
	events           BYTEA  NOT NULL,
	refusals         BYTEA  NOT NULL,
	pruned_at        BIGINT
);

-- The rows that no seal covers yet. A trigger writes it, so that what the release before records waits here too.
CREATE TABLE audit_unsealed (
	id BIGINT NOT NULL PRIMARY KEY
);
INSERT INTO audit_unsealed (id) SELECT id FROM audit_log;

-- One row: who locks it seals. Rows from before remove_before may be deleted from the log.
CREATE TABLE audit_sealing (
	id            BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
	remove_before BIGINT NOT NULL
);
INSERT INTO audit_sealing (id, remove_before) VALUES (1, 0);

CREATE TRIGGER audit_log_waits AFTER INSERT ON audit_log BEGIN
	INSERT INTO audit_unsealed (id) VALUES (NEW.id);
END;
CREATE TRIGGER audit_log_stays_unchanged BEFORE UPDATE ON audit_log BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;
CREATE TRIGGER audit_log_stays BEFORE DELETE ON audit_log WHEN OLD.at >= COALESCE((SELECT remove_before FROM audit_sealing), 0) BEGIN
	SELECT RAISE(ABORT, 'audit_log is append-only');
END;

-- Lists are newest first by time.
DROP INDEX audit_log_subject;
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_action ON audit_log (action, at, id);
CREATE INDEX audit_log_actor ON audit_log (actor_id, at, id);
CREATE INDEX audit_log_subject ON audit_log (subject_id, at, id);
