// Package storage keeps Keyturn's state in PostgreSQL or SQLite. It owns the drivers and every SQL
// string, and implements on one type, *DB, the stores that keys, accounts, issuer and issuer/oauth declare.
// It holds no rule of the domain: it promises atomicity, order and durability, and leaves to the callers
// what they mean.
//
// Lock order on PostgreSQL: the advisory lock on rights, then the changes row, then a client, then a user, then browser
// sessions by ascending id, then authorization codes that are being redeemed, then grants by ascending id, then codes,
// consents and interactions that are removed, each by ascending key, then anything that is only inserted; letters and
// then one-time links anywhere after their user. Every method takes its locks in this order, so no two of them can
// wait for each other: a code that is being redeemed is never one that is being removed, since whoever redeems it holds
// share locks on its client, user and session, and whoever removes it has one of these for itself. Only Sweep takes
// rows as they come, and leaves those that somebody holds. On SQLite there is one writer at a time (BEGIN IMMEDIATE).
//
// What ends something (a user, a session, a client) changes that row first, and then ends what was made under
// it. What makes something holds share locks on all that it rests on until it is committed. So of two that
// race either what was made is ended, or it is not made.
//
// Times are BIGINT microseconds UTC, zero is NULL. Whatever decides about redemption, grace,
// revocation or throttling uses the database's time, which the deciding statement reads itself.
package storage
