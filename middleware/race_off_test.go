//go:build !race

package middleware_test

// cookieless is how many visitors come and go.
const cookieless = 1_000_000
