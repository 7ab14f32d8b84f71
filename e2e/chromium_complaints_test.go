package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watches fails the test at its end if the browser had anything to complain of in this tab: exceptions, errors and
// warnings in the console, and content that a policy forbade. An answer such as 403 is the server's to judge.
func (b tab) watches() *complaints {
	b.t.Helper()
	c := &complaints{}
	if err := chromedp.Listen(b.ctx, c.hear); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		for _, complaint := range c.all() {
			b.t.Errorf("the browser complained: %s", complaint)
		}
	})
	return c
}

type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		c.add(fmt.Sprintf("%s %+v at %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception, e.ExceptionDetails.URL))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			c.add(fmt.Sprintf("console.%s %+v", e.Type, e.Args))
		}
	case *log.EventEntryAdded:
		answered := e.Entry.Source == log.EntrySourceNetwork && strings.HasPrefix(e.Entry.Text, "Failed to load resource: the server responded")
		if e.Entry.Level != log.EntryLevelInfo && e.Entry.Level != log.EntryLevelVerbose && !answered {
			c.add(fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	}
}

func (c *complaints) add(complaint string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, complaint)
}

func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}
