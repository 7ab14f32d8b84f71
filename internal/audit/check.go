package audit

import (
	"context"
	"sync"
	"time"
)

// check is a verification that goes on beside requests.
type check struct {
	wanted chan struct{}

	mu    sync.Mutex // guards what follows
	state State
}

// State is how far this instance is with verifying.
type State struct {
	Running     bool
	Done, Total int64
	Report      *Report // of the last one here; nil: none yet
	At          time.Time
	Error       string // why the last one could not be made
}

// State is how far this instance is with verifying.
func (l *Log) State() State {
	l.check.mu.Lock()
	defer l.check.mu.Unlock()
	return l.check.state
}

// Ask has Run verify the chains. While one verification goes on, there is no other.
func (l *Log) Ask() {
	l.check.mu.Lock()
	defer l.check.mu.Unlock()
	if l.check.state.Running {
		return
	}
	l.check.state.Running, l.check.state.Done, l.check.state.Total = true, 0, 0
	l.check.wanted <- struct{}{} // there is room: nothing else is running
}

func (l *Log) verifyWhenAsked(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.check.wanted:
		}
		report, err := l.Verify(ctx, nil, l.progress)
		l.check.mu.Lock()
		l.check.state.Running, l.check.state.At = false, time.Now()
		l.check.state.Report, l.check.state.Error = &report, ""
		if err != nil {
			l.check.state.Report, l.check.state.Error = nil, err.Error()
		}
		l.check.mu.Unlock()
		if err == nil {
			l.tell(report)
		}
	}
}

func (l *Log) progress(done, total int64) {
	l.check.mu.Lock()
	defer l.check.mu.Unlock()
	l.check.state.Done, l.check.state.Total = done, total
}

// tell logs what a verification found: somebody has to hear of a broken chain who does not look at pages.
func (l *Log) tell(report Report) {
	for _, v := range report.Chains {
		if v.Finding != nil {
			l.log.Error("the audit was tampered with", "chain", v.Chain, "entry", v.Finding.Number, "why", v.Finding.Why)
		}
	}
}
