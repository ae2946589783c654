// Package storage keeps Keyturn's state in PostgreSQL or SQLite. It owns the drivers and every SQL
// string, and implements on one type, *DB, the stores that keys, accounts and issuer declare. It holds
// no rule of the domain: it promises atomicity, order and durability, and leaves to the callers what
// they mean.
//
// Lock order on PostgreSQL: the changes row, then a user, then grants by ascending id, then anything
// that is only inserted. Every method takes its locks in this order, so no two of them can wait for
// each other. On SQLite there is one writer at a time (BEGIN IMMEDIATE).
//
// Times are BIGINT microseconds UTC, zero is NULL. Whatever decides about redemption, grace,
// revocation or throttling uses the database's time, which the deciding statement reads itself.
package storage
