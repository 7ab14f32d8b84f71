//go:build race

package middleware_test

// cookieless is how many visitors come and go: fewer, since the race detector is slow.
const cookieless = 50_000
