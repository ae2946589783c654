// Package reading is how what is held in memory is read from the database: by one at a time, and once for all who miss
// the same. It knows neither what is read nor where it is kept; keys.Ring and oauth.Registry do.
package reading
