package pgtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// user is the database's superuser and, when the tests run as root, the system's user that PostgreSQL runs as:
// it refuses to run as root.
const user = "postgres"

// tools is an installed PostgreSQL.
type tools struct {
	bin        string              // the folder with initdb and postgres
	credential *syscall.Credential // who runs them; nil: whoever runs the tests
}

// findTools looks on PATH and where Debian installs PostgreSQL, the newest version first.
func findTools() (tools, error) {
	candidates, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(candidates, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("initdb"); err == nil {
		candidates = slices.Insert(candidates, 0, filepath.Dir(path))
	}
	for _, bin := range candidates {
		if executable(bin, "initdb") && executable(bin, "postgres") {
			credential, err := credential()
			return tools{bin: bin, credential: credential}, err
		}
	}
	return tools{}, errors.New("these tests need PostgreSQL's initdb and postgres, on PATH or under /usr/lib/postgresql/*/bin: " +
		"install them (Debian: apt-get install postgresql)")
}

func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

func executable(bin, name string) bool {
	_, err := exec.LookPath(filepath.Join(bin, name))
	return err == nil
}

func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := osuser.Lookup(user)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user %q to run it as: add one, or run the tests as another user", user)
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (t tools) path(name string) string { return filepath.Join(t.bin, name) }

// command runs one of PostgreSQL's tools, or the system's, as the user that owns the server.
func (t tools) command(name string, args ...string) *exec.Cmd {
	if executable(t.bin, name) {
		name = t.path(name)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = "/" // the tests' folder may be closed to the other user
	// A process group of its own: Ctrl-C reaches the tests, and the end of the tests reaches the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: t.credential, Setpgid: true}
	return cmd
}

// own gives a folder to the user that owns the server.
func (t tools) own(dir string) error {
	if t.credential == nil {
		return nil
	}
	return os.Chown(dir, int(t.credential.Uid), int(t.credential.Gid))
}
