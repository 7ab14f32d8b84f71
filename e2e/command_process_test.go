package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/toprent/flags/handlers/health"
	"github.com/toprent/flags/service"
)

// TestMain runs the tests, ends the browser, and removes the command that they have built; or, in a process that a test started, it records.
func TestMain(m *testing.M) {
	if text := os.Getenv(recorderVariable); text != "" {
		if err := beRecorder(text); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if shared.end != nil {
		shared.end()
	}
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// built is the command twice: the server has the race detector in it, so that a race makes it end with another exit
// code than 0; commands that do one thing and end start much quicker without.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// unwatched leaves SQLite's own code, which is C that was translated, out of what the race detector watches, as the
// Makefile does.
const unwatched = "-gcflags=modernc.org/...=-race=false -d=checkptr=0"

func binary(t *testing.T, server bool) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "flags"); built.err != nil {
			return
		}
		for _, args := range [][]string{{"-race", unwatched, "-o", "server"}, {"-o", "command"}} {
			args[len(args)-1] = filepath.Join(built.dir, args[len(args)-1])
			build := exec.Command("go", append(append([]string{"build"}, args...), "..")...)
			if out, err := build.CombinedOutput(); err != nil {
				built.err = fmt.Errorf("go build: %w\n%s", err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	if server {
		return filepath.Join(built.dir, "server")
	}
	return filepath.Join(built.dir, "command")
}

// command is the real command in a folder of its own, with settings in its environment.
type command struct {
	t    *testing.T
	dir  string
	home string
	env  []string
}

// newCommand makes a folder. Settings are written KEY=VALUE; servers listen on a free port.
func newCommand(t *testing.T, settings ...string) *command {
	t.Helper()
	home := t.TempDir()
	return &command{t: t, dir: t.TempDir(), home: home, env: append([]string{"HOME=" + home, "LISTEN=127.0.0.1:0"}, settings...)}
}

// with is the command in the same folder with other settings besides.
func (c *command) with(settings ...string) *command {
	return &command{t: c.t, dir: c.dir, home: c.home, env: append(append([]string(nil), c.env...), settings...)}
}

func (c *command) process(server bool, args ...string) *exec.Cmd {
	cmd := exec.Command(binary(c.t, server), args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	return cmd
}

// outcome is how a command ended.
type outcome struct {
	code     int
	out, err string
}

func (o outcome) String() string {
	return fmt.Sprintf("exit code %d\nout: %s\nerr: %s", o.code, o.out, o.err)
}

// run runs the command to its end, whatever that is.
func (c *command) run(args ...string) outcome { c.t.Helper(); return c.runReading("", args...) }

func (c *command) runReading(stdin string, args ...string) outcome {
	c.t.Helper()
	var out, errs bytes.Buffer
	cmd := c.process(false, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// does runs the command, which must succeed, and gives what it printed.
func (c *command) does(args ...string) string {
	c.t.Helper()
	o := c.run(args...)
	if o.code != 0 {
		c.t.Fatalf("flags %s: %s", strings.Join(args, " "), o)
	}
	return o.out
}

// refuses runs the command, which must end with that code and say all of the words.
func (c *command) refuses(code int, words []string, args ...string) {
	c.t.Helper()
	o := c.run(args...)
	if o.code != code {
		c.t.Errorf("flags %s: %s\nwant exit code %d", strings.Join(args, " "), o, code)
	}
	for _, word := range words {
		if !strings.Contains(o.err, word) {
			c.t.Errorf("flags %s does not say %q:\n%s", strings.Join(args, " "), word, o.err)
		}
	}
}

// files are the names of all that is in the command's folder.
func (c *command) files() (names []string) {
	c.t.Helper()
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func (c *command) write(name, content string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// site is a running server.
type site struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   *output // standard output
	log   *output // standard error
	url   string
	took  time.Duration // to the first page
	ended chan struct{}
}

// serves starts a server and waits until it has served its first page. It is killed when the test ends.
func (c *command) serves(args ...string) *site {
	c.t.Helper()
	return c.starts(args...).comes()
}

// comes waits until the server has served its first page.
func (s *site) comes() *site {
	s.t.Helper()
	waitFor(s.t, "the server to say where it is", func() bool {
		select {
		case <-s.ended:
			s.t.Fatalf("the server has ended:\n%s%s", s.out, s.log)
		default:
		}
		return s.address()
	})
	if _, err := s.get("/"); err != nil {
		s.t.Fatal(err)
	}
	s.took = time.Since(s.out.begun)
	return s
}

var address = regexp.MustCompile(`Toprent is at (http://\S+) `)

// address reports whether the server has said where it is.
func (s *site) address() bool {
	found := address.FindStringSubmatch(s.out.String())
	if found == nil {
		return false
	}
	s.url = found[1]
	return true
}

// starts starts a server.
func (c *command) starts(args ...string) *site {
	c.t.Helper()
	return c.startsProcess(c.process(true, args...))
}

// startsProcess starts a process that is not waited for. It is killed when the test ends.
func (c *command) startsProcess(cmd *exec.Cmd) *site {
	c.t.Helper()
	s := &site{t: c.t, cmd: cmd, out: &output{begun: time.Now()}, log: &output{}, ended: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.log
	if err := s.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait()
	}()
	c.t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
		if strings.Contains(s.log.String(), "DATA RACE") || strings.Contains(s.log.String(), "panic") {
			c.t.Errorf("the server's log:\n%s", s.log)
		}
	})
	return s
}

// ends sends a signal and gives the exit code.
func (s *site) ends(signal os.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Signal(syscall.SIGQUIT)
		<-s.ended
		s.t.Fatalf("it does not end:\n%s", s.log)
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *site) get(path string) (*http.Response, error) {
	response, err := http.Get(s.url + path)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response, err
}

// status is what the server says of itself, with its answer's code.
func (s *site) status() (status health.Readiness, code int) {
	s.t.Helper()
	response, err := http.Get(s.url + "/readyz")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&status); err != nil {
		s.t.Fatal(err)
	}
	return status, response.StatusCode
}

// becomes waits until the server's values come from there.
func (s *site) becomes(state service.State) health.Readiness {
	s.t.Helper()
	var status health.Readiness
	waitFor(s.t, fmt.Sprintf("the state %q", state), func() bool {
		status, _ = s.status()
		return status.State == state
	})
	return status
}

// reaches waits until the server's newest revision has that number, and gives how long it took.
func (s *site) reaches(revision int64) time.Duration {
	s.t.Helper()
	begun := time.Now()
	waitFor(s.t, fmt.Sprintf("revision %d", revision), func() bool {
		status, _ := s.status()
		return status.Revision.Number >= revision
	})
	return time.Since(begun)
}

// logs waits until the log has the words.
func (s *site) logs(words string) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !s.log.has(words); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the log does not say %q:\n%s", words, s.log)
		}
	}
}

// output is what a process writes, readable while it does.
type output struct {
	begun time.Time

	mu   sync.Mutex
	text bytes.Buffer
}

func (l *output) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *output) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *output) has(words string) bool { return strings.Contains(l.String(), words) }

func (l *output) count(words string) int { return strings.Count(l.String(), words) }

// wantNoWord fails if the text has the word.
func wantNoWord(t *testing.T, where, text, word string) {
	t.Helper()
	if strings.Contains(text, word) {
		t.Errorf("%s has %q:\n%s", where, word, text)
	}
}
