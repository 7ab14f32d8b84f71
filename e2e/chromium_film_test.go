package e2e

import (
	"bytes"
	"context"
	"image"
	"image/draw"
	"image/png"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// screen is what somebody looks at pages on.
type screen struct {
	width, height int64
	dark          bool
	still         bool // somebody who has asked for less motion
}

// looksThrough gives the tab a screen.
func (b tab) looksThrough(s screen) {
	b.t.Helper()
	theme, motion := "light", "no-preference"
	if s.dark {
		theme = "dark"
	}
	if s.still {
		motion = "reduce"
	}
	b.do("take a screen", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: s.width, Height: s.height, DeviceScaleFactor: 1,
		})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: motion}},
		})
		return err
	}))
}

// isSlow makes the tab's processor so many times slower, and lets it keep nothing of what it loads.
func (b tab) isSlow(times float64) {
	b.t.Helper()
	b.do("slow down", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: times})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, t, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
		return err
	}))
}

// countsShifts is a script that adds up how far things in a page have moved, as Cumulative Layout Shift does, but over
// the whole life of the page.
const countsShifts = `shifted = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => shifted += e.value)).observe({ type: "layout-shift", buffered: true })`

// film is what somebody sees of a page while it loads.
type film struct {
	frames []image.Image // from the first one with content on; each differs from the one before
	taken  int           // all frames that the browser drew, empty and equal ones included
	shift  float64       // how far things moved
}

// films opens a page and records each frame that the browser draws until nothing is left to do.
func (b tab) films(url string) film {
	b.t.Helper()
	b.opens("about:blank")
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	reel := &reel{}
	if err := chromedp.Listen(ctx, reel.add); err != nil {
		b.t.Fatal(err)
	}
	b.do("film", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		// Without waiting for anybody to take the frames, or some would be left out.
		_, err := cdp.Call(ctx, t, page.StartScreencast, page.StartScreencastParams{
			Format: page.StartScreencastFormatPng, EveryNthFrame: 1, MaxFramesInFlight: 10_000,
		})
		return err
	}))
	b.opens(url)
	b.runs(`new Promise((done) => requestIdleCallback(() => requestAnimationFrame(() => requestAnimationFrame(done))))`)
	last := b.photographs()
	// The browser hands the frames over in its own time. The film is over when it shows what the page shows now.
	eventually(b.t, "the film shows the page as it is now", func() bool { return reel.endsWith(last) })
	b.do("stop filming", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, page.StopScreencast, cdp.Empty{})
		return err
	}))
	made := reel.cut()
	made.shift = evaluated[float64](b, `shifted`)
	return made
}

// photographs takes a picture of the tab as it is now.
func (b tab) photographs() image.Image {
	b.t.Helper()
	shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("take a picture: %v", err)
	}
	return picture(shot)
}

// reel takes frames as the browser draws them, and develops each of them once.
type reel struct {
	mu     sync.Mutex
	frames [][]byte

	pictures []image.Image // of the first frames; one that is as the one before is the same picture
}

func (r *reel) add(event any) {
	if frame, ok := event.(*page.EventScreencastFrame); ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.frames = append(r.frames, frame.Data)
	}
}

// develop makes pictures of all frames that there are.
func (r *reel) develop() []image.Image {
	r.mu.Lock()
	frames := r.frames
	r.mu.Unlock()
	for i := len(r.pictures); i < len(frames); i++ {
		if i > 0 && bytes.Equal(frames[i], frames[i-1]) {
			r.pictures = append(r.pictures, r.pictures[i-1])
			continue
		}
		r.pictures = append(r.pictures, picture(frames[i]))
	}
	return r.pictures
}

// endsWith reports whether the last frame so far shows this.
func (r *reel) endsWith(last image.Image) bool {
	pictures := r.develop()
	return len(pictures) > 0 && equal(pictures[len(pictures)-1], last)
}

// cut leaves out frames before there was any content, and those that are as the one before.
func (r *reel) cut() film {
	pictures := r.develop()
	made := film{taken: len(pictures)}
	for _, p := range pictures {
		if n := len(made.frames); n > 0 && !equal(made.frames[n-1], p) || n == 0 && !isBlank(p) {
			made.frames = append(made.frames, p)
		}
	}
	return made
}

func picture(encoded []byte) image.Image {
	decoded, err := png.Decode(bytes.NewReader(encoded))
	if err != nil {
		return image.NewRGBA(image.Rectangle{}) // as no picture is
	}
	out := image.NewRGBA(decoded.Bounds())
	draw.Draw(out, out.Bounds(), decoded, decoded.Bounds().Min, draw.Src)
	return out
}

func equal(a, b image.Image) bool {
	return a.Bounds() == b.Bounds() && bytes.Equal(a.(*image.RGBA).Pix, b.(*image.RGBA).Pix)
}

// isBlank reports whether a picture has one colour only.
func isBlank(p image.Image) bool {
	pix := p.(*image.RGBA).Pix
	return len(pix) < 4 || bytes.Equal(pix[4:], pix[:len(pix)-4])
}
