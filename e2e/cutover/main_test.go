package cutover_test

import (
	"fmt"
	"os"
	"testing"
)

// TestMain runs the tests or, in a process that a test started, is one instance or locks a file.
func TestMain(m *testing.M) {
	if text := os.Getenv(instanceVariable); text != "" {
		fmt.Println("failed at all:", beInstance(text))
		os.Exit(1)
	}
	if file := os.Getenv(lockedFileVariable); file != "" {
		fmt.Println("failed at all:", beLocker(file))
		os.Exit(1)
	}
	os.Exit(m.Run())
}
