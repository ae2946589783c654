// Package api is the HTTP side of Keyturn: the routes, the middleware and the one table that says what
// each error of the domain becomes. Its sub-packages speak one dialect each; they know neither each
// other nor this package. It never imports storage.
package api
