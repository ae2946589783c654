-- Letters that are still to leave, and the one-time links that left with them. The release before knows
-- neither and does not mind them.

-- No row holds a secret: that of a link is made when the letter leaves.
CREATE TABLE letters (
	id         TEXT   NOT NULL PRIMARY KEY,
	kind       TEXT   NOT NULL,
	recipient  TEXT   NOT NULL,
	language   TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	-- A JSON object of texts.
	facts      TEXT   NOT NULL,
	-- accounts.LinkTerms in JSON, '' for a letter without a link.
	link       TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	-- From when the patience with it counts: created_at, or when an operator last had it tried again.
	queued_at  BIGINT NOT NULL,
	due_at     BIGINT NOT NULL,
	-- How often it was taken to be sent.
	attempts   BIGINT NOT NULL,
	-- What the last attempt failed for, a word; '' for nothing.
	failure    TEXT   NOT NULL,
	-- When it was given up; it stays for a while for operators.
	failed_at  BIGINT
);
CREATE INDEX letters_due_at ON letters (due_at);
CREATE INDEX letters_failed_at ON letters (failed_at);
CREATE INDEX letters_user ON letters (user_id);

CREATE TABLE one_time_links (
	-- The SHA-256 of the link's secret.
	hash               BYTEA  NOT NULL PRIMARY KEY,
	-- What all links share that left with one letter. The letter itself may be gone.
	letter_id          TEXT   NOT NULL,
	purpose            TEXT   NOT NULL,
	user_id            TEXT   NOT NULL,
	credential_version BIGINT NOT NULL,
	email              TEXT   NOT NULL,
	-- A JSON object of texts.
	data               TEXT   NOT NULL,
	created_at         BIGINT NOT NULL,
	expires_at         BIGINT NOT NULL,
	used_at            BIGINT
);
CREATE INDEX one_time_links_letter ON one_time_links (letter_id);
CREATE INDEX one_time_links_user ON one_time_links (user_id);
CREATE INDEX one_time_links_expires_at ON one_time_links (expires_at);
