-- What PostgreSQL writes differently.

CREATE TABLE audit_log (
	id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at           BIGINT NOT NULL,
	action       TEXT   NOT NULL,
	actor_kind   TEXT   NOT NULL,
	actor_id     TEXT   NOT NULL,
	address      TEXT   NOT NULL,
	request_id   TEXT   NOT NULL,
	subject_kind TEXT   NOT NULL,
	subject_id   TEXT   NOT NULL,
	reason       TEXT   NOT NULL,
	-- A JSON object of texts, '' for none.
	details      TEXT   NOT NULL
);
CREATE INDEX audit_log_subject ON audit_log (subject_kind, subject_id, id);

-- Byte order, as SQLite has it: users are listed in it, and ids compare faster.
ALTER TABLE users ALTER COLUMN username TYPE TEXT COLLATE "C";
ALTER TABLE users ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN username_folded TYPE TEXT COLLATE "C";
ALTER TABLE known_addresses ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE grants ALTER COLUMN id TYPE TEXT COLLATE "C", ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE revoked_refresh_tokens ALTER COLUMN jti TYPE TEXT COLLATE "C", ALTER COLUMN user_id TYPE TEXT COLLATE "C";
ALTER TABLE signing_keys ALTER COLUMN purpose TYPE TEXT COLLATE "C", ALTER COLUMN algorithm TYPE TEXT COLLATE "C";
ALTER TABLE resources ALTER COLUMN identifier TYPE TEXT COLLATE "C";

-- Room on each page, so that a refresh writes its new row version beside the old one (HOT) and touches
-- no index; vacuum early, so that the room comes back. A hot row or two needs it most.
ALTER TABLE grants SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE changes SET (fillfactor = 10, autovacuum_vacuum_threshold = 100, autovacuum_vacuum_scale_factor = 0);
ALTER TABLE throttle SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
