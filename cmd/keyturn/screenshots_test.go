//go:build screenshots

package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keyturn/api/apitest"
)

const (
	pictures   = "../../docs/images/"
	pictureID  = "https://id.example.com"
	pictureApp = "https://orders.example.com"
	// pictureSecret is that of the app.
	pictureSecret = "0123456789abcdef0123456789abcdef0123456789abcdef"
)

// pictureFonts gives the browser the font that GNOME has today; pages ask for the system's.
const pictureFonts = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match target="pattern"><test qual="all" name="family" compare="not_contains"><string>mono</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
</fontconfig>`

const pictureLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#0f766e"/>` +
	`<path d="M14 17h20l-2 16H16zM19 17a5 5 0 0 1 10 0" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round"/></svg>`

// shown are the pictures of docs/images: of each page the views that tell most.
var shown = []string{
	"first-run-desktop-light", "sign-in-desktop-light", "sign-in-phone-dark", "second-factor-phone-light",
	"consent-desktop-light", "consent-phone-dark", "error-phone-light",
	"account-desktop-light", "account-desktop-dark", "account-phone-light",
	"console-desktop-light", "console-desktop-dark", "console-phone-light",
	"keys-desktop-light", "keys-desktop-dark", "keys-phone-dark",
	"user-desktop-light", "audit-log-desktop-light", "audit-log-phone-light",
}

// TestScreenshots takes the pictures of docs/images from the real program: `make screenshots`. Look at each one
// before you commit it. With LOOK=FOLDER it takes every page in every view, whole, in English and German, and puts the
// pictures there instead.
func TestScreenshots(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "fonts.conf")
	must(t, os.WriteFile(conf, []byte(pictureFonts), 0o600))
	t.Setenv("FONTCONFIG_FILE", conf)
	i := newInstance(t, "KEYTURN_ISSUER="+pictureID, "KEYTURN_TRUSTED_PROXIES=127.0.0.1", "KEYTURN_MAIL_URL=console:")
	i.serve(t)
	firstRun, _ := i.offered(t)
	world := httptest.NewUnstartedServer(pictureWorld(t, i.url))
	world.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser hangs up before it takes any certificate
	world.StartTLS()
	t.Cleanup(world.Close)
	chromium := &apitest.Chromium{Hosts: []string{"*.example.com:443 " + strings.TrimPrefix(world.URL, "https://")}}
	t.Cleanup(chromium.Close)

	p := photographer{t: t, tab: chromium.Window(t, apitest.View{AnyCertificate: true}), view: pictureName(apitest.View{Language: "en"}), look: os.Getenv("LOOK")}
	p.tab.Go(firstRun)
	p.tab.Shows("#password")
	p.take("first-run")
	populate(t, i)
	folder, languages := os.Getenv("LOOK"), []string{"en"}
	if folder != "" {
		languages = []string{"en", "de"}
	}
	codes := photographer{t: t, tab: chromium.Window(t, apitest.View{Phone: true, AnyCertificate: true})}.setUp()
	for _, language := range languages {
		for _, view := range []apitest.View{{}, {Dark: true}, {Phone: true, Scale: 2}, {Phone: true, Dark: true, Scale: 2}} {
			view.AnyCertificate, view.Language = true, language
			p := photographer{t: t, tab: chromium.Window(t, view), view: pictureName(view), look: folder}
			p.round(codes[0])
			codes = codes[1:]
		}
	}
}

// populate makes people, groups and clients, and has something happen.
func populate(t *testing.T, i *instance) {
	t.Helper()
	i.must(t, demoPassword+"\n", "user", "create", demoUser, "--password-stdin", "--admin", "--first-name", "Peter", "--last-name", "Parker", "--email", "spiderman@example.com")
	for n := 1; n <= 12; n++ {
		name := fmt.Sprintf("user%02d", n)
		i.must(t, "", "user", "create", name, "--email", name+"@example.com")
	}
	i.must(t, "", "user", "deactivate", "user07")
	i.must(t, "", "group", "create", "engineering", "--description", "Builds and runs Orders")
	i.must(t, "", "group", "create", "support", "--description", "Answers customers")
	i.must(t, "", "group", "add-member", "engineering", demoUser)
	i.must(t, "", "group", "add-member", "support", "user01")
	i.must(t, "", "group", "add-role", "support", "user-manager", "--resource", pictureID+"/admin/v1")
	i.must(t, pictureSecret+"\n", "client", "create", "orders", "--secret-stdin", "--name", "Orders", "--redirect-uri", pictureApp+"/callback", "--client-uri", pictureApp+"/",
		"--logo-uri", pictureApp+"/logo.svg", "--policy-uri", pictureApp+"/privacy", "--tos-uri", pictureApp+"/terms", "--initiate-login-uri", pictureApp+"/start")
	for _, name := range []string{"Invoices", "Warehouse", "Wiki"} {
		id := strings.ToLower(name)
		i.must(t, "", "client", "create", id, "--name", name, "--redirect-uri", "https://"+id+".example.com/callback")
	}
	for n, password := range []string{demoPassword, "wrong", demoPassword, "wrong", demoPassword} {
		body := strings.NewReader(fmt.Sprintf(`{"username":%q,"password":%q}`, demoUser, password))
		answer, err := http.Post(i.url+"/api/token/", "application/json", body)
		must(t, err)
		answer.Body.Close()
		if good := answer.StatusCode == http.StatusOK; good != (password == demoPassword) {
			t.Fatalf("sign-in %d: %d", n, answer.StatusCode)
		}
	}
	i.must(t, "", "keys", "rotate", "--algorithm", "RS256", "--reason", "quarterly")
}

func pictureName(v apitest.View) string {
	name := map[bool]string{false: "desktop", true: "phone"}[v.Phone]
	return name + map[bool]string{false: "-light", true: "-dark"}[v.Dark] + map[bool]string{true: "-" + v.Language}[v.Language != "en"]
}

// pictureWorld is the provider and a client, by name.
func pictureWorld(t *testing.T, provider string) http.Handler {
	to, err := url.Parse(provider)
	must(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Set("X-Forwarded-For", "192.0.2.7")
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == strings.TrimPrefix(pictureID, "https://"):
			proxy.ServeHTTP(w, r)
		case r.URL.Path == "/logo.svg":
			w.Header().Set("Content-Type", "image/svg+xml")
			fmt.Fprint(w, pictureLogo)
		default:
			if code := r.FormValue("code"); code != "" {
				redeem(t, provider, code)
			}
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><h1>Orders</h1>`)
		}
	})
}

// redeem is what the app does with a code, so that there is a grant.
func redeem(t *testing.T, provider, code string) {
	form := apitest.Redeem(code)
	form.Set("redirect_uri", pictureApp+"/callback")
	r, err := http.NewRequest(http.MethodPost, provider+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("orders", pictureSecret)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("the code is worth %d", answer.StatusCode)
	}
}

// photographer takes pictures in one view. look is the folder for all of them, empty for those of docs/images alone.
type photographer struct {
	t          *testing.T
	tab        *apitest.Tab
	view, look string
}

// authorize is the URL of a request; more replaces.
func (p photographer) authorize(more ...string) string {
	return pictureID + "/oauth2/authorize?" + apitest.Request("orders", append([]string{"redirect_uri", pictureApp + "/callback", "prompt", "consent"}, more...)...).Encode()
}

// setUp signs somebody in on a phone, gives them ways to sign in, and returns recovery codes.
func (p photographer) setUp() (codes []string) {
	p.tab.Authenticator(true)
	p.tab.Go(pictureID + "/account")
	p.password()
	p.tab.Shows("#ways")
	p.tab.Go(pictureID + "/account/ways/passkey")
	p.tab.Shows("#name")
	p.tab.Click(".passkey .primary")
	p.tab.At(pictureID + "/account/ways/recovery-codes")
	p.tab.Click(".fields .primary")
	p.tab.Shows(".codes li:nth-child(10)")
	codes = apitest.Eval[[]string](p.tab, `[...document.querySelectorAll(".codes li")].map(code => code.textContent)`)
	p.tab.Go(pictureID + "/account/ways/app")
	p.tab.Fill("#code", apitest.AppCode(p.t, apitest.Eval[string](p.tab, `document.querySelector(".key code").textContent`), time.Now()))
	p.tab.Click(".fields .primary")
	p.tab.At(pictureID + "/account?done=app_added")
	return codes
}

func (p photographer) password() {
	p.tab.Shows("#username")
	p.tab.Fill("#username", demoUser)
	p.tab.Fill("#password", demoPassword)
	p.tab.Click("form.fields .primary")
}

// round pictures every page, from the sign-in by a client to the sign-out.
func (p photographer) round(code string) {
	p.tab.Go(p.authorize())
	p.tab.Shows("#username")
	p.take("sign-in")
	p.password()
	p.tab.Shows("#code")
	p.take("second-factor")
	p.tab.Click(`a[href$="with=recovery"]`)
	p.tab.Until(`document.querySelector("[name=with]")`)
	p.tab.Fill("#code", code)
	p.tab.Click("form.fields .primary")
	p.tab.Shows(`button[value="allow"]`)
	p.take("consent")
	p.tab.Click(`button[value="allow"]`)
	p.tab.At(pictureApp)
	for _, page := range []struct{ name, path string }{
		{"account", "/account"}, {"console", "/admin"}, {"keys", "/admin/keys"}, {"audit-log", "/admin/audit"},
	} {
		p.tab.Go(pictureID + page.path)
		p.take(page.name)
	}
	p.tab.Go(pictureID + "/admin/search?q=" + demoUser)
	p.tab.Click(`main a[href^="/admin/users/"]`)
	p.tab.Until(`document.querySelector("a[href$='/edit']")`)
	p.take("user")
	p.tab.Expect("status of 400")
	p.tab.Go(p.authorize("redirect_uri", pictureApp+"/elsewhere"))
	p.take("error")
	if p.look != "" {
		p.others()
	}
	p.tab.Go(pictureID + "/oauth2/logout")
	p.tab.Click(`button[value="logout"]`)
	p.tab.Until(`!document.querySelector("button")`)
	p.take("signed-out")
}

// others are pages that are looked at and not kept.
func (p photographer) others() {
	for name, path := range map[string]string{
		"profile": "/account/profile", "email": "/account/email", "password": "/account/password", "delete": "/account/delete",
		"new-passkey": "/account/ways/passkey", "new-app": "/account/ways/app", "recovery-codes": "/account/ways/recovery-codes", "forgotten": "/forgotten",
		"users": "/admin/users", "new-user": "/admin/users/new", "groups": "/admin/groups", "clients": "/admin/clients", "client": "/admin/clients/orders",
		"new-client": "/admin/clients/new", "resources": "/admin/resources", "rotate": "/admin/keys/rotate?mode=graceful", "grants": "/admin/grants",
		"revoked": "/admin/revoked-tokens", "settings": "/admin/settings", "delete-client": "/admin/clients/orders/delete", "search": "/admin/search?q=user",
	} {
		p.tab.Go(pictureID + path)
		p.take(name)
	}
}

// take writes a picture, as small as a PNG of it can be.
func (p photographer) take(name string) {
	p.t.Helper()
	name += "-" + p.view
	if p.look != "" {
		must(p.t, os.WriteFile(filepath.Join(p.look, name+".png"), p.tab.Picture(true), 0o644))
		return
	}
	if !slices.Contains(shown, name) {
		return
	}
	picture, err := png.Decode(bytes.NewReader(p.tab.Picture(false)))
	must(p.t, err)
	var small bytes.Buffer
	must(p.t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewerColours(picture)))
	must(p.t, os.WriteFile(pictures+name+".png", small.Bytes(), 0o644))
}

// fewerColours keeps 256 colours: the most frequent ones that can be told apart.
func fewerColours(picture image.Image) image.Image {
	bounds := picture.Bounds()
	count := map[color.RGBA]int{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[color.RGBAModel.Convert(picture.At(x, y)).(color.RGBA)]++
		}
	}
	var palette color.Palette
	for _, c := range slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int { return count[b] - count[a] }) {
		if len(palette) < 256 && !slices.ContainsFunc(palette, func(kept color.Color) bool { return alike(kept.(color.RGBA), c) }) {
			palette = append(palette, c)
		}
	}
	fewer := image.NewPaletted(bounds, palette)
	draw.Draw(fewer, bounds, picture, bounds.Min, draw.Src)
	return fewer
}

func alike(a, b color.RGBA) bool {
	red, green, blue := int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B)
	return red*red+green*green+blue*blue < 100
}
