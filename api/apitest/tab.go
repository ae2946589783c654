package apitest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a test waits for the browser before it fails; a busy machine is slow.
const patience = 60 * time.Second

// Keys for Keys.
const (
	TabKey   = kb.Tab
	EnterKey = kb.Enter
)

// Tab is a tab of a browser. What goes wrong in it fails the test: an error or a warning on its console, a
// violation of the content security policy, a script that throws.
type Tab struct {
	t    testing.TB
	b    *Chromium
	view View
	ctx  context.Context

	mu       sync.Mutex
	troubles []string
	expected []string
}

// listen keeps what a person would find on the console of the tab.
func (tab *Tab) listen(event any) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			tab.trouble(e.Entry.Text + " " + e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		tab.trouble(text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning || e.Type == runtime.ConsoleAPICalledTypeAssert {
			var words []string
			for _, argument := range e.Args {
				words = append(words, string(argument.Value)+argument.Description)
			}
			tab.trouble("console: " + strings.Join(words, " "))
		}
	case *audits.EventIssueAdded:
		if e.Issue.Code == audits.InspectorIssueCodeContentSecurityPolicyIssue {
			policy := e.Issue.Details.ContentSecurityPolicyIssueDetails
			tab.trouble("content security policy: " + policy.ViolatedDirective + " refuses " + policy.BlockedURL)
		}
	}
}

func (tab *Tab) trouble(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.troubles = append(tab.troubles, text)
}

// Expect says that the console may hold a line with this text, such as that of a page with an error status.
func (tab *Tab) Expect(text string) { tab.expected = append(tab.expected, text) }

// judge fails the test for what the console holds, and tells where the tab stands if the test has failed.
func (tab *Tab) judge() {
	tab.mu.Lock()
	troubles := tab.troubles
	tab.mu.Unlock()
next:
	for _, trouble := range troubles {
		for _, text := range tab.expected {
			if strings.Contains(trouble, text) {
				continue next
			}
		}
		tab.t.Errorf("on the console: %s", trouble)
	}
}

// Do runs actions; an error fails the test.
func (tab *Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tab.t.Fatalf("%v at %s", err, tab.URL())
	}
}

// Value runs an action that returns something; an error fails the test.
func Value[T any](tab *Tab, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeout(tab.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		tab.t.Fatalf("%v at %s", err, tab.URL())
	}
	return v
}

// Eval is the value of an expression in JavaScript, which may be a promise.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	return Value(tab, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Go opens a URL and waits until the page has loaded.
func (tab *Tab) Go(url string) {
	tab.t.Helper()
	tab.Do(chromedp.Navigate(url))
}

// Reload loads the page anew.
func (tab *Tab) Reload() {
	tab.t.Helper()
	tab.Do(chromedp.Reload())
}

// Back is the back button. It does not wait for a page to load, since the browser may have kept the one
// before.
func (tab *Tab) Back() {
	tab.t.Helper()
	history := Value(tab, chromedp.NavigationEntries())
	if history.CurrentIndex == 0 {
		tab.t.Fatal("there is nothing to go back to")
	}
	call(tab, page.NavigateToHistoryEntry, page.NavigateToHistoryEntryParams{EntryID: history.Entries[history.CurrentIndex-1].ID})
}

// Fill puts the caret into a field and writes there.
func (tab *Tab) Fill(css, text string) {
	tab.t.Helper()
	tab.Click(css)
	call(tab, input.InsertText, input.InsertTextParams{Text: text})
}

// Keys presses keys, wherever the focus is.
func (tab *Tab) Keys(keys string) {
	tab.t.Helper()
	tab.Do(chromedp.KeyEvent(keys))
}

// Click presses what the selector finds, where a person would, and does not wait for what comes of it. It fails
// the test where something lies over it.
func (tab *Tab) Click(css string) {
	tab.t.Helper()
	at := Eval[[]float64](tab, `(() => {
		const e = document.querySelector(`+quote(css)+`);
		if (!e) return [];
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		return e.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})()`)
	if len(at) != 2 {
		tab.t.Fatalf("nothing to click on at %s in %s:\n%s", css, tab.URL(), tab.Text())
	}
	tab.Do(chromedp.MouseClickXY(at[0], at[1]))
}

// Until waits until an expression in JavaScript is true, on this page or on one that it leads to.
func (tab *Tab) Until(expression string) {
	tab.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithDeadline(tab.ctx, deadline)
		// An error says that the page is being left.
		done, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.readyState === 'complete' && !!("+expression+")"))
		cancel()
		if err == nil && done {
			return
		}
		if time.Now().After(deadline) {
			tab.t.Fatalf("never came true: %s (%v)\nat %s:\n%s", expression, err, tab.URL(), tab.Text())
		}
	}
}

// At waits until the tab has loaded a page whose URL begins so, and returns the whole of it.
func (tab *Tab) At(prefix string) string {
	tab.t.Helper()
	tab.Until("location.href.startsWith(" + quote(prefix) + ")")
	return tab.URL()
}

// Shows waits until the page shows what the selector finds.
func (tab *Tab) Shows(css string) {
	tab.t.Helper()
	tab.Until("document.querySelector(" + quote(css) + ")")
}

// URL is where the tab stands, empty where it can't be told.
func (tab *Tab) URL() string {
	url, _ := chromedp.Run(tab.ctx, chromedp.Location())
	return url
}

// Text is what the page says, empty where it can't be told.
func (tab *Tab) Text() string {
	text, _ := chromedp.Run(tab.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	return text
}

// Download is the file that the browser saves by what the function does.
func (tab *Tab) Download(act func()) []byte {
	tab.t.Helper()
	folder := tab.t.TempDir()
	saved := make(chan string, 1)
	ctx, cancel := context.WithCancel(tab.ctx)
	defer cancel()
	must(tab.t, chromedp.ListenBrowser(ctx, func(event any) {
		if e, ok := event.(*browser.EventDownloadProgress); ok && e.State == browser.DownloadProgressStateCompleted {
			saved <- e.GUID
		}
	}))
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID,
		DownloadPath: folder, EventsEnabled: new(true),
	})
	must(tab.t, err)
	act()
	select {
	case name := <-saved:
		file, err := os.ReadFile(filepath.Join(folder, name))
		must(tab.t, err)
		return file
	case <-time.After(patience):
		tab.t.Fatalf("nothing was saved at %s", tab.URL())
		return nil
	}
}

// Cookies are the names of the cookies that a URL gets, and whether each is kept to TLS and from scripts.
func (tab *Tab) Cookies(url string) map[string]bool {
	tab.t.Helper()
	all := Value(tab, func(ctx context.Context, t *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{url}})
	})
	kept := map[string]bool{}
	for _, c := range all.Cookies {
		kept[c.Name] = c.Secure && c.HTTPOnly
	}
	return kept
}

// Picture is a PNG of the window, or of the whole page.
func (tab *Tab) Picture(whole bool) []byte {
	tab.t.Helper()
	if whole {
		return Value(tab, chromedp.FullScreenshot(100))
	}
	return Value(tab, chromedp.CaptureScreenshot())
}

func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}
