// Package fetch is the one way to reach what a client's data names: its key set, its back-channel logout
// endpoint. Whoever registers a client chooses these URLs, so the package makes sure that they lead
// nowhere but to public servers over TLS (or to what the operator has named), cost little time and
// memory, and tell nothing of what was answered in an error. What a document means is the caller's matter.
package fetch
