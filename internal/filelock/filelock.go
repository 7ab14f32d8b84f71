// Package filelock keeps processes on one machine out of each other's way. A lock ends with its holder, however that
// ends: no lock is ever left behind.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// retry is how often a lock that is taken is tried again. Asking, rather than blocking in the kernel, lets the
// context end the wait.
const retry = 20 * time.Millisecond

// errTaken says that somebody else holds the lock.
var errTaken = errors.New("taken")

// Lock takes the lock of that path, creating the file if need be, and waits for it until ctx is done. The file stays
// when the lock is given back: removing it would let two holders lock two files of one name.
func Lock(ctx context.Context, path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	ticker := time.NewTicker(retry)
	defer ticker.Stop()
	for {
		err := tryLock(file)
		if err == nil {
			return file.Close, nil // closing gives the lock back
		}
		if !errors.Is(err, errTaken) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, ctx.Err())
		case <-ticker.C:
		}
	}
}
