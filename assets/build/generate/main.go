// Command generate rebuilds the bundles of package assets in the repository whose folder is its only argument.
package main

import (
	"fmt"
	"os"

	"github.com/toprent/flags/assets/build"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER-OF-THE-REPOSITORY")
		os.Exit(2)
	}
	if err := build.Write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
