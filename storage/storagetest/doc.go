// Package storagetest is the one suite that every database must pass, and the databases to run it on:
// a real PostgreSQL server that the test process starts, and SQLite files. A missing server is a
// failure, never a skip.
package storagetest
