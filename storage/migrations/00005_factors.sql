-- Passkeys, authenticator apps and recovery codes, and what waits for one of them. The release before knows
-- none of it, and signs people in by their password alone: it must not run beside this one for longer than an
-- upgrade takes.

CREATE TABLE passkeys (
	id            TEXT    NOT NULL PRIMARY KEY,
	user_id       TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	credential_id BYTEA   NOT NULL UNIQUE,
	-- COSE_Key (RFC 9052 section 7).
	public_key    BYTEA   NOT NULL,
	aaguid        BYTEA   NOT NULL,
	-- Blank-separated.
	transports    TEXT    NOT NULL,
	sign_count    BIGINT  NOT NULL,
	synced        BOOLEAN NOT NULL,
	backed_up     BOOLEAN NOT NULL,
	name          TEXT    NOT NULL,
	created_at    BIGINT  NOT NULL,
	last_used_at  BIGINT
);
CREATE INDEX passkeys_user ON passkeys (user_id);

-- An app is a factor when it has shown a code: until then confirmed_at is NULL and expires_at is not.
CREATE TABLE authenticator_apps (
	id           TEXT   NOT NULL PRIMARY KEY,
	user_id      TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	-- The secret, sealed to the master identity for this user.
	sealed       BYTEA  NOT NULL,
	-- The time step of the newest code that was taken.
	last_step    BIGINT NOT NULL,
	name         TEXT   NOT NULL,
	created_at   BIGINT NOT NULL,
	confirmed_at BIGINT,
	expires_at   BIGINT,
	last_used_at BIGINT
);
CREATE INDEX authenticator_apps_user ON authenticator_apps (user_id);
CREATE INDEX authenticator_apps_expires_at ON authenticator_apps (expires_at);

-- Those that are left. The hash is over the user's id, too.
CREATE TABLE recovery_codes (
	user_id    TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	hash       BYTEA  NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, hash)
);

-- Questions to passkeys: challenge_hash is the SHA-256 of the challenge as browsers send it back.
CREATE TABLE passkey_ceremonies (
	challenge_hash BYTEA  NOT NULL PRIMARY KEY,
	browser_hash   BYTEA  NOT NULL,
	purpose        TEXT   NOT NULL,
	-- '' where anybody may answer.
	user_id        TEXT   NOT NULL,
	expires_at     BIGINT NOT NULL
);
CREATE INDEX passkey_ceremonies_expires_at ON passkey_ceremonies (expires_at);

-- Sign-ins that wait for the second factor.
CREATE TABLE held_sign_ins (
	hash               BYTEA   NOT NULL PRIMARY KEY,
	browser_hash       BYTEA   NOT NULL,
	user_id            TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	credential_version BIGINT  NOT NULL,
	proved_at          BIGINT,
	amr                TEXT    NOT NULL,
	-- Whether the throttle has counted the attempt beforehand, and in which bucket.
	counted            BOOLEAN NOT NULL,
	place              TEXT    NOT NULL,
	-- How many codes were tried.
	attempts           BIGINT  NOT NULL,
	expires_at         BIGINT  NOT NULL
);
CREATE INDEX held_sign_ins_user ON held_sign_ins (user_id);
CREATE INDEX held_sign_ins_expires_at ON held_sign_ins (expires_at);
