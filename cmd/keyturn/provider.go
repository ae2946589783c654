package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"keyturn/accounts"
	"keyturn/api/oauth"
	"keyturn/api/web"
	"keyturn/api/web/console"
	"keyturn/issuer/fetch"
	domain "keyturn/issuer/oauth"
)

// newProvider wires what answers OAuth clients.
func (a *app) newProvider() (*domain.Provider, error) {
	fetcher, err := a.config.fetcher()
	if err != nil {
		return nil, err
	}
	forRequests, err := a.config.fetcher()
	if err != nil {
		return nil, err
	}
	clientKeys := &domain.ClientKeys{Fetch: fetcher, Now: time.Now, Log: a.log}
	return &domain.Provider{
		Store: a.db, Clients: a.clients, Issuer: a.issuer, People: a.accounts, Ways: a.factors, Browsers: a.browsers, Now: time.Now, Log: a.log,
		Assertions: &domain.Assertions{
			Keys: clientKeys, Store: a.db, Now: time.Now, Issuer: a.config.Issuer,
			Audiences: []string{
				a.config.Issuer + oauth.TokenPath, a.config.Issuer + oauth.RevokePath, a.config.Issuer + oauth.IntrospectPath,
			},
		},
		Settings: domain.Settings{RequirePKCE: a.config.RequirePKCE == "all"},
		Demands:  a.groups,
		Refusals: a.db, Post: fetcher, Fetch: forRequests,
	}, nil
}

func (c *Config) registrySettings() domain.RegistrySettings {
	return domain.RegistrySettings{Issuer: c.Issuer, Audience: c.Audience, MaxStaleness: c.MaxStaleness}
}

func (a *app) newBrowsers() *accounts.Browsers {
	return &accounts.Browsers{Store: a.db, Idle: a.config.SessionIdle, Lifetime: a.config.SessionLifetime}
}

// fetcher reaches clients' servers.
func (c *Config) fetcher() (*fetch.Fetcher, error) {
	roots, err := c.fetchRoots()
	if err != nil {
		return nil, fmt.Errorf("KEYTURN_FETCH_CA_FILE: %w", err)
	}
	f, err := fetch.New(fetch.Options{Allow: c.FetchAllow, Roots: roots, UserAgent: "keyturn/" + version()})
	if err != nil {
		return nil, fmt.Errorf("KEYTURN_FETCH_ALLOW: %w", err)
	}
	return f, nil
}

// fetchRoots are the system's certification authorities and those of the file; nil for the system's alone.
func (c *Config) fetchRoots() (*x509.CertPool, error) {
	if c.FetchCAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.FetchCAFile)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("holds no certificate (PEM)")
	}
	return roots, nil
}

// operations are what the console tells of the program.
func (a *app) operations() console.Operations {
	known := console.Operations{
		Version: version(), Production: a.production,
		Checks: func(ctx context.Context) (all []console.Check) {
			ctx, cancel := context.WithTimeout(ctx, checkTime)
			defer cancel()
			for _, c := range a.checks(ctx) {
				all = append(all, console.Check(c))
			}
			return all
		},
	}
	plain, err := loadConfig(source{readFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }})
	if err != nil { // the defaults are ours
		panic(err)
	}
	for _, s := range settings() {
		value := a.config.show(s)
		known.Settings = append(known.Settings, console.Setting{Name: s.env(), Value: value, Doc: s.doc, Changed: a.config.given[s.name] && value != plain.show(s)})
	}
	return known
}

// pages are in the operator's look.
func (c *Config) pages() (*web.Pages, error) {
	theme := web.Theme{Name: c.BrandName, Accent: c.BrandAccent, AccentDark: c.BrandAccentDark}
	if c.BrandLogoFile != "" {
		logo, err := os.ReadFile(c.BrandLogoFile)
		if err != nil {
			return nil, fmt.Errorf("KEYTURN_BRAND_LOGO_FILE: %w", err)
		}
		theme.Logo, theme.LogoType = logo, mime.TypeByExtension(filepath.Ext(c.BrandLogoFile))
		if theme.LogoType == "" {
			theme.LogoType = http.DetectContentType(logo)
		}
	}
	if err := theme.Check(); err != nil {
		return nil, fmt.Errorf("KEYTURN_BRAND_NAME, KEYTURN_BRAND_LOGO_FILE, KEYTURN_BRAND_ACCENT, KEYTURN_BRAND_ACCENT_DARK: %w", err)
	}
	return web.NewPages(theme, c.Issuer)
}
