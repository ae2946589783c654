-- Groups of people, the roles that they carry, and the level of sign-in that they demand. The release before runs
-- on this too: it knows none of these tables, and deletes users as ever.

CREATE TABLE user_groups (
	id            TEXT   NOT NULL PRIMARY KEY,
	name          TEXT   NOT NULL UNIQUE,
	-- What all its spellings have in common (accounts.Fold).
	name_folded   TEXT   NOT NULL UNIQUE,
	description   TEXT   NOT NULL,
	-- accounts.Level, '' for no demand.
	require_level TEXT   NOT NULL,
	created_at    BIGINT NOT NULL,
	updated_at    BIGINT NOT NULL
);

CREATE TABLE group_members (
	user_id  TEXT   NOT NULL REFERENCES users (id) ON DELETE CASCADE,
	group_id TEXT   NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	added_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, group_id)
);
CREATE INDEX group_members_group ON group_members (group_id, user_id);

-- resource is the audience that the role is for; that of the admin API stands as accounts.AdminResource, so that
-- another issuer URL takes nobody's rights.
CREATE TABLE group_roles (
	group_id TEXT NOT NULL REFERENCES user_groups (id) ON DELETE CASCADE,
	resource TEXT NOT NULL,
	role     TEXT NOT NULL,
	PRIMARY KEY (group_id, resource, role)
);
CREATE INDEX group_roles_resource ON group_roles (resource, role);

-- So that the last administrator is found at once among any number of people.
CREATE INDEX users_admin ON users (id) WHERE admin;
