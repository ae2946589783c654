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

	"keyturn/api/apitest"
)

const (
	pictures   = "../../docs/images/"
	pictureID  = "https://id.example.com"
	pictureApp = "https://orders.example.com"
)

// pictureFonts gives the browser the font that GNOME has today; pages ask for the system's.
const pictureFonts = `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match target="pattern"><test qual="all" name="family" compare="not_contains"><string>mono</string></test>
<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
</fontconfig>`

const pictureLogo = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" rx="10" fill="#0f766e"/>` +
	`<path d="M14 17h20l-2 16H16zM19 17a5 5 0 0 1 10 0" fill="none" stroke="#fff" stroke-width="3" stroke-linejoin="round"/></svg>`

// TestScreenshots takes the pictures of docs/images from the real program: `make screenshots`. Look at each one
// before you commit it.
func TestScreenshots(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "fonts.conf")
	must(t, os.WriteFile(conf, []byte(pictureFonts), 0o600))
	t.Setenv("FONTCONFIG_FILE", conf)
	i := newInstance(t, "KEYTURN_ISSUER="+pictureID, "KEYTURN_TRUSTED_PROXIES=127.0.0.1")
	i.serve(t)
	i.must(t, demoPassword+"\n", "user", "create", demoUser, "--password-stdin", "--first-name", "Peter", "--last-name", "Parker", "--email", "peter@example.com")
	i.must(t, "", "client", "create", "orders", "--name", "Orders", "--redirect-uri", pictureApp+"/callback", "--client-uri", pictureApp+"/",
		"--logo-uri", pictureApp+"/logo.svg", "--policy-uri", pictureApp+"/privacy", "--tos-uri", pictureApp+"/terms", "--initiate-login-uri", pictureApp+"/start")
	world := httptest.NewUnstartedServer(pictureWorld(t, i.url))
	world.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser hangs up before it takes any certificate
	world.StartTLS()
	t.Cleanup(world.Close)
	chromium := &apitest.Chromium{Hosts: []string{"*.example.com:443 " + strings.TrimPrefix(world.URL, "https://")}}
	t.Cleanup(chromium.Close)
	must(t, os.MkdirAll(pictures, 0o755))

	// Somebody who is signed in on another device already.
	p := photographer{t, chromium.Window(t, apitest.View{Phone: true, AnyCertificate: true})}
	p.signIn(false)
	for _, view := range []apitest.View{{}, {Dark: true}, {Phone: true, Scale: 2}, {Phone: true, Dark: true, Scale: 2}} {
		view.AnyCertificate = true
		p := photographer{t, chromium.Window(t, view)}
		p.round(pictureName(view))
	}
}

func pictureName(v apitest.View) string {
	name := map[bool]string{false: "desktop", true: "phone"}[v.Phone]
	return name + map[bool]string{false: "-light.png", true: "-dark.png"}[v.Dark]
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
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<!doctype html><link rel="icon" href="data:,"><h1>Orders</h1>`)
		}
	})
}

type photographer struct {
	t   *testing.T
	tab *apitest.Tab
}

// authorize is the URL of a request; more replaces.
func (p photographer) authorize(more ...string) string {
	return pictureID + "/oauth2/authorize?" + apitest.Request("orders", append([]string{"redirect_uri", pictureApp + "/callback", "prompt", "consent"}, more...)...).Encode()
}

// signIn goes to the consent page, with a picture of the way there.
func (p photographer) signIn(picture bool, name ...string) {
	p.tab.Go(p.authorize())
	p.tab.Shows("#username")
	if picture {
		p.take("sign-in-" + name[0])
	}
	p.tab.Fill("#username", demoUser)
	p.tab.Fill("#password", demoPassword)
	p.tab.Click("form.fields .primary")
	p.tab.Shows(`button[value="allow"]`)
}

func (p photographer) round(name string) {
	p.signIn(true, name)
	p.take("consent-" + name)
	p.tab.Click(`button[value="allow"]`)
	p.tab.At(pictureApp)
	p.tab.Go(pictureID + "/account")
	p.take("account-" + name)
	p.tab.Expect("status of 400")
	p.tab.Go(p.authorize("redirect_uri", pictureApp+"/elsewhere"))
	p.take("error-" + name)
	p.tab.Go(pictureID + "/oauth2/logout")
	p.tab.Click(`button[value="logout"]`)
	p.tab.Until(`!document.querySelector("button")`)
	p.take("signed-out-" + name)
}

// take writes a picture, as small as a PNG of it can be.
func (p photographer) take(name string) {
	p.t.Helper()
	picture, err := png.Decode(bytes.NewReader(p.tab.Picture(false)))
	must(p.t, err)
	var small bytes.Buffer
	must(p.t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewerColours(picture)))
	must(p.t, os.WriteFile(pictures+name, small.Bytes(), 0o644))
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
