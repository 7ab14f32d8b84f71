// Package assets holds the files that browsers load, built and committed, so that a host needs no tool chain but Go's.
// A file's name carries a hash of its content: under one name the bytes never change, and may be cached for good. It
// imports nothing but the standard library; the folder build makes the files, and its test rebuilds and compares them.
package assets

//go:generate go run ./build/generate ..

// Client is the source of the browser client, window.flags, exactly as it stands in the file named ClientName. It is
// ASCII and may be written into an inline script element as it is; ClientCSPHash allows precisely that.
func Client() string { return client }
