package storage

import "database/sql"

// Backend is the name of the database behind the URL, "PostgreSQL" or "SQLite", for people.
func (d *DB) Backend() string {
	if d.backend == postgres {
		return "PostgreSQL"
	}
	return "SQLite"
}

// Stats tells of the pool that changes go through.
func (d *DB) Stats() sql.DBStats { return d.write.Stats() }
