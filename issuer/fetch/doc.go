// Package fetch is the one guarded way to fetch what a caller's data names.
package fetch
