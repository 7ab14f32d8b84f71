package cutover_test

import (
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// wire is the network between the app and a server. It brings every byte, in order, but it can be made slow or bad.
type wire struct {
	t      *testing.T
	socket string // the server's
	entry  net.Listener
	ended  sync.WaitGroup

	mu    sync.Mutex // guards what follows
	slow  *slowness  // nil: bytes pass at once
	lines map[net.Conn]bool

	cutting atomic.Bool  // the answers of the server are lost now and then, and their connections with them
	answers atomic.Int64 // while that is so
}

// slowness is how late bytes come, until it is over.
type slowness struct {
	delay time.Duration
	over  chan struct{}
}

// oneIn is how many answers come for one that is lost: so few that hardly a transaction ends well.
const oneIn = 5

// newWire lays a wire to the server of a PostgreSQL URL, and returns the URL at its other end.
func newWire(t *testing.T, place string) (w *wire, here string) {
	t.Helper()
	there, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{t: t, socket: filepath.Join(there.Query().Get("host"), ".s.PGSQL.5432"), lines: map[net.Conn]bool{}}
	if w.entry, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = w.entry.Close()
		w.cut()
		w.ended.Wait()
	})
	w.ended.Go(w.serve)
	there.Host, there.RawQuery = w.entry.Addr().String(), "sslmode=disable"
	return w, there.String()
}

func (w *wire) serve() {
	for {
		app, err := w.entry.Accept()
		if err != nil {
			return
		}
		w.ended.Go(func() { w.connect(app) })
	}
}

// connect is one connection. It ends when either end does.
func (w *wire) connect(app net.Conn) {
	defer app.Close()
	server, err := net.Dial("unix", w.socket)
	if err != nil {
		return // the server is stopped
	}
	defer server.Close()
	w.keeps(app, true)
	defer w.keeps(app, false)
	var both sync.WaitGroup
	both.Go(func() { w.carries(app, server, false) })
	both.Go(func() { w.carries(server, app, true) })
	both.Wait()
}

func (w *wire) keeps(line net.Conn, open bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if open {
		w.lines[line] = true
	} else {
		delete(w.lines, line)
	}
}

// carries brings bytes from one end to the other.
func (w *wire) carries(from, to net.Conn, answers bool) {
	defer from.Close()
	defer to.Close()
	bytes := make([]byte, 32<<10)
	for {
		n, err := from.Read(bytes)
		w.waits()
		if answers && w.cutting.Load() && w.answers.Add(1)%oneIn == 0 {
			return
		}
		if _, failed := to.Write(bytes[:n]); errors.Join(err, failed) != nil {
			return
		}
	}
}

// waits lets the time pass that bytes are under way. What is under way when the wire is mended arrives at once.
func (w *wire) waits() {
	w.mu.Lock()
	slow := w.slow
	w.mu.Unlock()
	if slow == nil {
		return
	}
	select {
	case <-slow.over:
	case <-time.After(slow.delay):
	}
}

// slows delays all bytes, each way, until it is over.
func (w *wire) slows(delay time.Duration) (over func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slow := &slowness{delay, make(chan struct{})}
	w.slow = slow
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.slow = nil
		close(slow.over)
	}
}

// cuts loses answers, those to commits too, until it is over.
func (w *wire) cuts() (over func()) {
	w.cut()
	w.cutting.Store(true)
	return func() { w.cutting.Store(false) }
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range w.lines {
		_ = line.Close()
	}
}
