//go:build race

package verify

// stride thins out the longest test where the race detector makes signature checks many times slower.
const stride = 7
