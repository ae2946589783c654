-- Clients, browser sessions and what is on its way between a browser, a client and the token endpoint. The
-- release before runs on this too: it names the columns that it writes, and new ones have a default.

ALTER TABLE grants ADD COLUMN claims TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN acr TEXT NOT NULL DEFAULT '';
-- Neither changes at a refresh.
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_client ON grants (client_id, created_at);

-- accounts.StandardClaims in JSON, '' for none.
ALTER TABLE users ADD COLUMN claims TEXT NOT NULL DEFAULT '';
-- A JSON array of names.
ALTER TABLE resources ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';

-- A deleted client stays, without metadata, so that its id is never given again. changed_in is what the
-- changes counter was raised to by the last change of the client or its secrets.
CREATE TABLE clients (
	id         TEXT    NOT NULL PRIMARY KEY,
	-- oauth.Metadata in JSON.
	metadata   TEXT    NOT NULL,
	enabled    BOOLEAN NOT NULL,
	deleted_at BIGINT,
	changed_in BIGINT  NOT NULL,
	created_at BIGINT  NOT NULL,
	updated_at BIGINT  NOT NULL
);
CREATE INDEX clients_changed_in ON clients (changed_in);

-- ordinal is their order. What is looked up by a secret is its SHA-256, here and below.
CREATE TABLE client_secrets (
	client_id  TEXT   NOT NULL,
	id         TEXT   NOT NULL,
	ordinal    BIGINT NOT NULL,
	hash       BYTEA  NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (client_id, id)
);

-- jti_hash is the SHA-256 of the jti.
CREATE TABLE client_assertions (
	client_id  TEXT   NOT NULL,
	jti_hash   BYTEA  NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (client_id, jti_hash)
);
CREATE INDEX client_assertions_expires_at ON client_assertions (expires_at);

CREATE TABLE interactions (
	id_hash      BYTEA  NOT NULL PRIMARY KEY,
	browser_hash BYTEA  NOT NULL,
	-- oauth.Request in JSON.
	request      TEXT   NOT NULL,
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	signed_in_at BIGINT,
	-- The browser session in which somebody signed in, or consented, within the interaction; '' for not yet.
	signed_in_as TEXT   NOT NULL DEFAULT '',
	consented_at BIGINT,
	consented_as TEXT   NOT NULL DEFAULT '',
	finished_at  BIGINT
);
CREATE INDEX interactions_expires_at ON interactions (expires_at);

CREATE TABLE consents (
	user_id    TEXT   NOT NULL,
	client_id  TEXT   NOT NULL,
	resource   TEXT   NOT NULL,
	scope      TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, client_id, resource, scope)
);
CREATE INDEX consents_client ON consents (client_id);

-- ended_at is set only within the transaction that ends the session and removes the row.
CREATE TABLE browser_sessions (
	id                 TEXT   NOT NULL PRIMARY KEY,
	hash               BYTEA  NOT NULL UNIQUE,
	user_id            TEXT   NOT NULL,
	credential_version BIGINT NOT NULL,
	auth_time          BIGINT,
	amr                TEXT   NOT NULL,
	created_at         BIGINT NOT NULL,
	seen_at            BIGINT NOT NULL,
	expires_at         BIGINT NOT NULL,
	address            TEXT   NOT NULL,
	user_agent         TEXT   NOT NULL,
	ended_at           BIGINT
);
CREATE INDEX browser_sessions_user ON browser_sessions (user_id);
CREATE INDEX browser_sessions_seen_at ON browser_sessions (seen_at);
CREATE INDEX browser_sessions_expires_at ON browser_sessions (expires_at);
CREATE INDEX browser_sessions_ended ON browser_sessions (id) WHERE ended_at IS NOT NULL;

-- The clients that took part in a session.
CREATE TABLE session_clients (
	session_id TEXT NOT NULL REFERENCES browser_sessions (id) ON DELETE CASCADE,
	client_id  TEXT NOT NULL,
	PRIMARY KEY (session_id, client_id)
);

-- From grant_id to note_login stands the grant that the redemption will make. A redeemed code stays for a
-- while, so that it is known when it comes again.
CREATE TABLE authorization_codes (
	hash               BYTEA   NOT NULL PRIMARY KEY,
	client_id          TEXT    NOT NULL,
	redirect_uri       TEXT    NOT NULL,
	challenge          TEXT    NOT NULL,
	nonce              TEXT    NOT NULL,
	grant_id           TEXT    NOT NULL,
	user_id            TEXT    NOT NULL,
	session_id         TEXT    NOT NULL,
	credential_version BIGINT  NOT NULL,
	audience           TEXT    NOT NULL,
	scope              TEXT    NOT NULL,
	claims             TEXT    NOT NULL,
	auth_time          BIGINT,
	amr                TEXT    NOT NULL,
	acr                TEXT    NOT NULL,
	refresh_lifetime   BIGINT  NOT NULL,
	absolute_lifetime  BIGINT  NOT NULL,
	note_login         BOOLEAN NOT NULL,
	created_at         BIGINT  NOT NULL,
	expires_at         BIGINT  NOT NULL,
	redeemed_at        BIGINT
);
CREATE INDEX authorization_codes_client ON authorization_codes (client_id);
CREATE INDEX authorization_codes_user ON authorization_codes (user_id);
CREATE INDEX authorization_codes_session ON authorization_codes (session_id);
CREATE INDEX authorization_codes_expires_at ON authorization_codes (expires_at);

-- Logout tokens that clients are still to be sent. They outlive the session.
CREATE TABLE logout_deliveries (
	id         TEXT   NOT NULL PRIMARY KEY,
	client_id  TEXT   NOT NULL,
	user_id    TEXT   NOT NULL,
	session_id TEXT   NOT NULL,
	attempts   BIGINT NOT NULL,
	due_at     BIGINT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX logout_deliveries_due_at ON logout_deliveries (due_at);
CREATE INDEX logout_deliveries_created_at ON logout_deliveries (created_at);
