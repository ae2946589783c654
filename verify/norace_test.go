//go:build !race

package verify

// stride 1 tries every replacement of every character.
const stride = 1
