-- What SQLite writes differently. AUTOINCREMENT: an id is never given again, even after a deletion.

CREATE TABLE audit_log (
	id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
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
