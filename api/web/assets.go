package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

//go:embed assets/*
var assetFiles embed.FS

// Asset is a file that pages refer to. Its path holds a hash of its bytes, so it never changes.
type Asset struct {
	Path string
	// Type is the media type.
	Type string
	Body []byte
}

// Get answers with the asset, for a year.
func (a Asset) Get(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=31536000, immutable")
	c.Header("Content-Length", strconv.Itoa(len(a.Body)))
	c.Header("X-Content-Type-Options", "nosniff")
	// A logo may be an SVG, which is a document when it is opened by itself.
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
	c.Data(http.StatusOK, a.Type, a.Body)
}

// Assets are the routes of stylesheet, scripts, icon and logo, to be served by Get.
func (p *Pages) Assets() []Asset { return p.assets.all }

// pageAssets are the assets, and the paths under which the layout refers to them.
type pageAssets struct {
	all                                              []Asset
	style, submit, onward, show, passkey, icon, logo string
}

func newPageAssets(theme Theme) (pageAssets, error) {
	var a pageAssets
	own, err := assetFiles.ReadFile("assets/keyturn.css")
	if err != nil {
		return a, err
	}
	style, err := stylesheet(theme, own)
	if err != nil {
		return a, err
	}
	submit, err := assetFiles.ReadFile("assets/submit.js")
	if err != nil {
		return a, err
	}
	onward, err := assetFiles.ReadFile("assets/onward.js")
	if err != nil {
		return a, err
	}
	show, err := assetFiles.ReadFile("assets/show.js")
	if err != nil {
		return a, err
	}
	passkey, err := assetFiles.ReadFile("assets/passkey.js")
	if err != nil {
		return a, err
	}
	icon, err := assetFiles.ReadFile("assets/icon.svg")
	if err != nil {
		return a, err
	}
	a.style = a.add("keyturn.css", "text/css; charset=utf-8", style)
	a.submit = a.add("submit.js", "text/javascript; charset=utf-8", submit)
	a.onward = a.add("onward.js", "text/javascript; charset=utf-8", onward)
	a.show = a.add("show.js", "text/javascript; charset=utf-8", show)
	a.passkey = a.add("passkey.js", "text/javascript; charset=utf-8", passkey)
	a.icon = a.add("icon.svg", "image/svg+xml", icon)
	if theme.Logo != nil {
		a.logo = a.add("logo."+logoEndings[theme.LogoType], theme.LogoType, theme.Logo)
	}
	return a, nil
}

// add returns the path.
func (a *pageAssets) add(name, mediaType string, body []byte) string {
	asset := NewAsset(name, mediaType, body)
	a.all = append(a.all, asset)
	return asset.Path
}

// NewAsset gives a file its path.
func NewAsset(name, mediaType string, body []byte) Asset {
	hash := sha256.Sum256(body)
	ending := path.Ext(name)
	where := "/assets/" + strings.TrimSuffix(name, ending) + "." + hex.EncodeToString(hash[:8]) + ending
	return Asset{Path: where, Type: mediaType, Body: body}
}

// stylesheet is one file: the foundations, what stands upon them, and the theme.
func stylesheet(theme Theme, own []byte) ([]byte, error) {
	foundations, err := assetFiles.ReadFile("assets/foundations.css")
	if err != nil {
		return nil, err
	}
	return slices.Concat(foundations, []byte("\n"), own, []byte(themeStyle(theme))), nil
}

// themeStyle is what a theme adds to the stylesheet: nothing for the default accents.
func themeStyle(t Theme) string {
	if t.Accent == accentLight && t.AccentDark == accentDark {
		return ""
	}
	return fmt.Sprintf("\n:root { --accent: %s }\n@media (prefers-color-scheme: dark) { :root { --accent: %s } }\n", t.Accent, t.AccentDark)
}
