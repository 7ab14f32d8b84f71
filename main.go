// Command flags serves the sample Toprent site and looks after its feature flags.
package main

import (
	"os"
	_ "time/tzdata" // so that zones are known on any machine

	"github.com/toprent/flags/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
