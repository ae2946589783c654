-- The tables that both databases create alike. Times are microseconds since 1970, UTC; lifetimes microseconds.

CREATE TABLE users (
	id                 TEXT    NOT NULL PRIMARY KEY,
	external_id        TEXT    UNIQUE,
	username           TEXT    NOT NULL UNIQUE,
	-- What all its spellings have in common (accounts.Fold).
	username_folded    TEXT    NOT NULL UNIQUE,
	email              TEXT    NOT NULL,
	email_verified     BOOLEAN NOT NULL,
	given_name         TEXT    NOT NULL,
	family_name        TEXT    NOT NULL,
	active             BOOLEAN NOT NULL,
	admin              BOOLEAN NOT NULL,
	credential_version BIGINT  NOT NULL,
	password_hash      TEXT    NOT NULL,
	-- What stands before the salt in password_hash; '' without a password.
	password_scheme    TEXT    NOT NULL,
	created_at         BIGINT  NOT NULL,
	updated_at         BIGINT  NOT NULL,
	last_login_at      BIGINT
);
CREATE INDEX users_password_scheme ON users (password_scheme);

-- No foreign key to users: the grants of a deleted user stay, revoked, until they are swept. No index on
-- generation, rotated_at or revoked_at: a refresh must change no index.
CREATE TABLE grants (
	id               TEXT   NOT NULL PRIMARY KEY,
	user_id          TEXT   NOT NULL,
	client_id        TEXT   NOT NULL,
	audience         TEXT   NOT NULL,
	scope            TEXT   NOT NULL,
	session_id       TEXT   NOT NULL,
	auth_time        BIGINT,
	amr              TEXT   NOT NULL,
	generation       BIGINT NOT NULL,
	created_at       BIGINT NOT NULL,
	rotated_at       BIGINT NOT NULL,
	refresh_lifetime BIGINT NOT NULL,
	expires_at       BIGINT NOT NULL,
	revoked_at       BIGINT,
	revoked_for      TEXT   NOT NULL,
	-- The index in the status list.
	status_index     BIGINT
);
CREATE INDEX grants_user ON grants (user_id, created_at);
CREATE INDEX grants_expires_at ON grants (expires_at);

-- The newest refresh token of each revoked grant, taken back before its time.
CREATE TABLE revoked_refresh_tokens (
	jti           TEXT   NOT NULL PRIMARY KEY,
	grant_id      TEXT   NOT NULL,
	user_id       TEXT   NOT NULL,
	client_id     TEXT   NOT NULL,
	reason        TEXT   NOT NULL,
	presented_jti TEXT   NOT NULL,
	revoked_at    BIGINT NOT NULL,
	until         BIGINT NOT NULL
);
CREATE INDEX revoked_refresh_tokens_user ON revoked_refresh_tokens (user_id, revoked_at);
CREATE INDEX revoked_refresh_tokens_revoked_at ON revoked_refresh_tokens (revoked_at);
CREATE INDEX revoked_refresh_tokens_until ON revoked_refresh_tokens (until);

CREATE TABLE signing_keys (
	kid            TEXT   NOT NULL PRIMARY KEY,
	algorithm      TEXT   NOT NULL,
	purpose        TEXT   NOT NULL,
	epoch          BIGINT NOT NULL,
	published_at   BIGINT,
	signs_from     BIGINT,
	signs_until    BIGINT,
	verifies_until BIGINT,
	revoked_at     BIGINT,
	public_jwk     BYTEA  NOT NULL,
	sealed         BYTEA  NOT NULL,
	tag            BYTEA  NOT NULL,
	UNIQUE (purpose, algorithm, epoch)
);

CREATE TABLE resources (
	identifier      TEXT    NOT NULL PRIMARY KEY,
	algorithm       TEXT    NOT NULL,
	access_lifetime BIGINT  NOT NULL,
	-- A JSON array of names.
	claims          TEXT    NOT NULL,
	simplejwt       BOOLEAN NOT NULL
);

-- Failures in a row. The places "new <address>" and "new" count attempts of newcomers instead, in the hour
-- that began at last_failed_at.
CREATE TABLE throttle (
	account        TEXT   NOT NULL,
	place          TEXT   NOT NULL,
	failures       BIGINT NOT NULL,
	last_failed_at BIGINT NOT NULL,
	PRIMARY KEY (account, place)
);
CREATE INDEX throttle_last_failed_at ON throttle (last_failed_at);

-- Those of a deleted user stay until they are swept.
CREATE TABLE known_addresses (
	user_id     TEXT   NOT NULL,
	address     TEXT   NOT NULL,
	known_since BIGINT NOT NULL,
	PRIMARY KEY (user_id, address)
);
CREATE INDEX known_addresses_known_since ON known_addresses (known_since);

-- minute is the time of its beginning.
CREATE TABLE audit_refusals (
	minute  BIGINT NOT NULL,
	account TEXT   NOT NULL,
	address TEXT   NOT NULL,
	reason  TEXT   NOT NULL,
	count   BIGINT NOT NULL,
	PRIMARY KEY (minute, account, address, reason)
);

-- One row, raised with every change that all instances must see.
CREATE TABLE changes (
	id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
	counter BIGINT NOT NULL
);
INSERT INTO changes (id, counter) VALUES (1, 1);
