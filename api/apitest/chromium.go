package apitest

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// Chromium is one headless browser, which the tests of a package share. The zero value is ready: the browser
// starts with the first window. Close ends it, from TestMain or a cleanup.
type Chromium struct {
	// Hosts are rules such as "*.example.com:443 127.0.0.1:8443": whom a name is asked for at instead. No other
	// name is known, and nothing leaves this machine.
	Hosts []string

	mu    sync.Mutex
	ctx   context.Context
	agent string // its User-Agent
	stop  []context.CancelFunc
}

// findChromium looks for the names that the browser goes by.
func findChromium() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("the browser tests need Chromium; run: sudo apt-get install -y chromium")
}

func (b *Chromium) hostRules() string {
	var rules []string
	for _, rule := range b.Hosts {
		rules = append(rules, "MAP "+rule)
	}
	return strings.Join(append(rules, "MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE 127.0.0.1"), ", ")
}

// start runs the browser where it is not running yet.
func (b *Chromium) start(t testing.TB) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx != nil {
		return
	}
	path, err := findChromium()
	must(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.Flag("no-sandbox", true), chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		// Keys and clicks count from the moment that a page is there, not from its first frame: else some are
		// dropped on a busy machine.
		chromedp.Flag("allow-pre-commit-input", true),
		chromedp.Flag("host-resolver-rules", b.hostRules()),
	)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(allocator)
	b.stop = []context.CancelFunc{stopBrowser, stopAllocator}
	must(t, chromedp.Do(ctx))
	version, err := chromedp.CallBrowser(ctx, browser.GetVersion, cdp.Empty{})
	must(t, err)
	b.ctx, b.agent = ctx, strings.Replace(version.UserAgent, "HeadlessChrome", "Chrome", 1)
}

// Close ends the browser and removes its profile.
func (b *Chromium) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, stop := range b.stop {
		stop()
	}
	b.ctx, b.stop = nil, nil
}

// View is what a test may choose of a window. The zero value is a desktop in daylight that speaks English.
type View struct {
	// Phone is 390×844 with touch, else it is 1280×800.
	Phone bool
	Dark  bool
	// Scale is how many pixels of a screenshot are one of CSS; 0 stands for 1.
	Scale float64
	// Language is the Accept-Language, "en" without it.
	Language  string
	ScriptOff bool
	// AnyCertificate accepts the certificate of a test's server.
	AnyCertificate bool
}

// Window opens a window that has no cookies yet. It closes at the end of the test.
func (b *Chromium) Window(t testing.TB, view View) *Tab {
	t.Helper()
	b.start(t)
	return b.open(t, b.ctx, view, chromedp.WithNewBrowserContext())
}

// Beside opens another tab with the same cookies and storage.
func (tab *Tab) Beside() *Tab {
	tab.t.Helper()
	return tab.b.open(tab.t, tab.ctx, tab.view)
}

// Opened is the tab that the page opens by what the function does.
func (tab *Tab) Opened(act func()) *Tab {
	tab.t.Helper()
	opened := chromedp.WaitNewTarget(tab.ctx, func(i *target.Info) bool { return i.Type == "page" })
	act()
	select {
	case id := <-opened:
		return tab.b.open(tab.t, tab.ctx, tab.view, chromedp.WithTargetID(id))
	case <-time.After(patience):
		tab.t.Fatalf("no tab was opened at %s", tab.URL())
		return nil
	}
}

func (b *Chromium) open(t testing.TB, parent context.Context, view View, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	tab := &Tab{t: t, b: b, view: view}
	var closeTab context.CancelFunc
	tab.ctx, closeTab = chromedp.NewContext(parent, append(options, chromedp.WithListener(tab.listen))...)
	t.Cleanup(func() {
		tab.judge()
		closeTab()
	})
	must(t, chromedp.Do(tab.ctx))
	call(tab, audits.Enable, cdp.Empty{})
	call(tab, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	tab.Look(view)
	return tab
}

// Look makes the tab look as the view says.
func (tab *Tab) Look(v View) {
	tab.t.Helper()
	tab.view = v
	if v.Scale == 0 {
		v.Scale = 1
	}
	viewport := chromedp.EmulateViewport(1280, 800, chromedp.EmulateScale(v.Scale))
	if v.Phone {
		viewport = chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(v.Scale), chromedp.EmulatePortrait, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	agent := tab.b.agent
	if v.Phone {
		agent = strings.NewReplacer("X11; Linux x86_64", "Linux; Android 10; K", " Safari/", " Mobile Safari/").Replace(agent)
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	if v.Language == "" {
		v.Language = "en"
	}
	tab.Do(viewport)
	call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	call(tab, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: agent, AcceptLanguage: v.Language})
	call(tab, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.ScriptOff})
	if v.AnyCertificate {
		call(tab, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	}
}

// Resize makes the window another size, in CSS pixels.
func (tab *Tab) Resize(width, height int64) {
	tab.t.Helper()
	tab.Do(chromedp.EmulateViewport(width, height))
}

func call[P, R any](tab *Tab, command cdp.Command[P, R], params P) {
	tab.t.Helper()
	tab.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	}))
}
