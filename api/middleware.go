package api

import (
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"keyturn/api/web"
	"keyturn/audit"
	"keyturn/issuer/oauth"
	"keyturn/keys"
)

const requestIDHeader = "X-Request-Id"

// Metrics counts answered requests. route is the pattern, never the path, so that its values are few.
type Metrics interface {
	Request(method, route string, status int, took time.Duration)
}

// observe gives each request an id, which the answer, the log and the audit log share, and tells the
// log and the metrics how it ended. Query strings, bodies and headers are never logged, but for the little that askedBy picks.
func (s *Server) observe(c *gin.Context) {
	began := time.Now()
	c.Header(requestIDHeader, keys.NewTokenID())
	c.Next()
	took, status := time.Since(began), c.Writer.Status()
	if s.Metrics != nil {
		s.Metrics.Request(c.Request.Method, c.FullPath(), status, took)
	}
	level := slog.LevelDebug
	if status >= http.StatusInternalServerError {
		level = slog.LevelWarn
	}
	ctx := c.Request.Context()
	if !s.Log.Enabled(ctx, level) {
		return
	}
	s.Log.LogAttrs(ctx, level, "request",
		slog.String("method", c.Request.Method), slog.String("route", c.FullPath()),
		slog.Int("status", status), slog.Duration("took", took), slog.String("request_id", requestID(c)))
}

func requestID(c *gin.Context) string { return c.Writer.Header().Get(requestIDHeader) }

// actorOf is who is asking, as far as the network tells.
func actorOf(c *gin.Context) audit.Actor {
	return audit.Actor{Kind: audit.Anonymous, Address: c.ClientIP(), RequestID: requestID(c)}
}

// recoverPanic answers a broken program with the fixed text of an unknown error; the stack goes to the
// log only.
func (s *Server) recoverPanic(c *gin.Context) {
	defer func() {
		broken := recover()
		if broken == nil {
			return
		}
		if broken == http.ErrAbortHandler {
			panic(broken)
		}
		s.Log.Error("panic", "route", c.FullPath(), "request_id", requestID(c), "panic", broken, "stack", string(debug.Stack()))
		if !c.Writer.Written() {
			c.AbortWithStatusJSON(http.StatusInternalServerError, gin.H{"detail": "A server error occurred."})
		}
	}()
	c.Next()
}

// safeHeaders are right for an API; pages set a policy of their own. The answers share the values, since
// making them anew for each can be measured at the key set.
var safeHeaders = http.Header{
	"X-Content-Type-Options":  {"nosniff"},
	"Referrer-Policy":         {"no-referrer"},
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
}

// transportSecurity is a year (RFC 6797 section 6.1.1), for this host alone: what else the domain serves is
// not ours to say.
var transportSecurity = []string{"max-age=31536000"}

func (s *Server) securityHeaders(c *gin.Context) {
	header := c.Writer.Header()
	maps.Copy(header, safeHeaders)
	if s.secure {
		header["Strict-Transport-Security"] = transportSecurity
	}
	c.Next()
}

// cors lets the configured origins call from a browser (Fetch standard, CORS protocol). It never allows
// credentials, so a wildcard can't lend anybody's cookies.
func (s *Server) cors() gin.HandlerFunc {
	return func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		all := slices.Contains(s.CORSOrigins, "*")
		header := c.Writer.Header()
		if len(s.CORSOrigins) > 0 && !all {
			header.Add("Vary", "Origin")
		}
		if origin == "" || !all && !slices.Contains(s.CORSOrigins, origin) {
			c.Next()
			return
		}
		if all {
			origin = "*"
		}
		header.Set("Access-Control-Allow-Origin", origin)
		header.Set("Access-Control-Expose-Headers", strings.Join([]string{"Retry-After", "WWW-Authenticate", requestIDHeader}, ", "))
		if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
			header.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			header.Set("Access-Control-Allow-Headers", "authorization, content-type, accept, x-requested-with, x-csrftoken")
			header.Set("Access-Control-Max-Age", "600")
			c.AbortWithStatus(http.StatusNoContent)
			return
		}
		c.Next()
	}
}

// clientCORS lets the origins that clients are registered with call what programs call (Fetch standard, CORS
// protocol), never with credentials. A preflight does not say which client it is for; the answer to the
// request itself is narrowed to the client that it is for by narrowOrigin.
func (s *Server) clientCORS(c *gin.Context) {
	header := c.Writer.Header()
	header.Add("Vary", "Origin")
	origin := c.GetHeader("Origin")
	if origin == "" || !s.Provider.Clients.AllowsOrigin(origin) {
		c.Next()
		return
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Expose-Headers", strings.Join([]string{"Retry-After", "WWW-Authenticate", requestIDHeader}, ", "))
	if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
		header.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		header.Set("Access-Control-Allow-Headers", "authorization, content-type, accept")
		header.Set("Access-Control-Max-Age", "600")
		c.AbortWithStatus(http.StatusNoContent)
		return
	}
	c.Next()
}

// narrowOrigin takes the permission back where the origin is not one of this client's.
func (s *Server) narrowOrigin(c *gin.Context, client *oauth.Client) {
	if client != nil && !slices.Contains(client.CORSOrigins, c.GetHeader("Origin")) {
		c.Writer.Header().Del("Access-Control-Allow-Origin")
	}
}

// notFound answers a browser with a page and a program with JSON.
func (s *Server) notFound(h *web.Handlers) gin.HandlerFunc {
	return func(c *gin.Context) {
		if wantsPage(c) {
			h.WriteFailure(c, web.Failure{Status: http.StatusNotFound, Key: "not_found"}, nil)
			return
		}
		c.JSON(http.StatusNotFound, gin.H{"detail": "Not found."})
	}
}

// wantsPage tells a browser that goes somewhere from a program.
func wantsPage(c *gin.Context) bool { return strings.Contains(c.GetHeader("Accept"), "text/html") }

// methodNotAllowed answers a browser with a page and a program with the JSON of its endpoint.
func (s *Server) methodNotAllowed(h *web.Handlers) gin.HandlerFunc {
	return func(c *gin.Context) {
		text := `Method "` + c.Request.Method + `" not allowed.`
		switch {
		case wantsPage(c):
			h.WriteFailure(c, page(http.StatusMethodNotAllowed, "method_not_allowed", text), nil)
		case strings.HasPrefix(c.Request.URL.Path, "/oauth2/"):
			c.Header("Cache-Control", "no-store")
			c.JSON(http.StatusMethodNotAllowed, gin.H{"error": "invalid_request", "error_description": strings.ReplaceAll(text, `"`, "")})
		default:
			c.JSON(http.StatusMethodNotAllowed, gin.H{"detail": text})
		}
	}
}
