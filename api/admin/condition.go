package admin

import (
	"net/http"
	"strings"

	"keyturn/audit"
)

// PreconditionFailed is the problem of If-Match that names another state than the one that is there.
var PreconditionFailed = Problem{
	Status: http.StatusPreconditionFailed, Title: "Precondition failed", Param: "If-Match",
	Detail: "It was changed since that entity tag was answered; nothing was changed now. Read it again.",
}

// condition reads If-Match of a change (RFC 9110 section 13.1.1), for the transaction that makes it to judge. A route
// whose target has no entity tags can't fulfil one; "*" asks for no more than that the thing is there, without which
// there is nothing to change anyway.
func (r *request) condition(tagged bool) error {
	lines := r.gin.Request.Header.Values("If-Match")
	if len(lines) == 0 || r.gin.Request.Method == http.MethodGet {
		return nil
	}
	list, ok := readTags(strings.Join(lines, ","))
	switch {
	case !ok:
		return invalid("If-Match", `is neither "*" nor a list of entity tags in double quotes`)
	case list.any:
		return nil
	case !tagged:
		none := PreconditionFailed
		none.Detail = "What this route changes has no entity tag. Leave If-Match out."
		return &none
	}
	r.actor.Seen = list.seen()
	return nil
}

// entityTags are what If-Match or If-None-Match lists.
type entityTags struct {
	// any is "*".
	any  bool
	tags []entityTag
}

type entityTag struct {
	weak   bool
	opaque string
}

// readTags reads a list of entity tags (RFC 9110 sections 8.8.3, 13.1.1 and 5.6.1: empty elements count for nothing).
func readTags(text string) (list entityTags, ok bool) {
	if strings.Trim(text, " \t") == "*" {
		return entityTags{any: true}, true
	}
	for rest := text; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return list, len(list.tags) > 0
		}
		var t entityTag
		rest, t.weak = strings.CutPrefix(rest, "W/")
		quoted, opens := strings.CutPrefix(rest, `"`)
		opaque, after, closes := strings.Cut(quoted, `"`)
		after = strings.TrimLeft(after, " \t")
		if !opens || !closes || strings.ContainsFunc(opaque, notInTag) || after != "" && after[0] != ',' {
			return entityTags{}, false
		}
		t.opaque = opaque
		list.tags = append(list.tags, t)
		rest = after
	}
}

// notInTag tells what is no etagc.
func notInTag(c rune) bool { return c <= ' ' || c == 0x7f }

// seen are the versions that the list names by strong comparison (RFC 9110 section 8.8.3.2), as audit.Actor has them:
// never empty, which would mean any.
func (l entityTags) seen() string {
	seen := []string{`""`}
	for _, t := range l.tags {
		if !t.weak {
			seen = append(seen, t.opaque)
		}
	}
	return strings.Join(seen, " ")
}

// names tells whether the list names a version by weak comparison.
func (l entityTags) names(v audit.Version) bool {
	for _, t := range l.tags {
		if t.opaque == string(v) {
			return true
		}
	}
	return l.any
}

// writeTagged answers with v, which is at that version; to a GET that knows the version already, with 304 (RFC 9110
// sections 13.1.2 and 15.4.5). Answers to PUT have no entity tag: what was sent is not what is stored then (RFC 9110
// section 9.3.4).
func (r *request) writeTagged(status int, version audit.Version, v any) error {
	r.gin.Header("ETag", `"`+string(version)+`"`)
	if r.gin.Request.Method == http.MethodGet && fresh(r.gin.Request.Header, version) {
		r.gin.Status(http.StatusNotModified)
		r.gin.Writer.WriteHeaderNow()
		return nil
	}
	return r.write(status, v)
}

// fresh tells whether If-None-Match names the version. One that is malformed names none.
func fresh(header http.Header, version audit.Version) bool {
	list, ok := readTags(strings.Join(header.Values("If-None-Match"), ","))
	return ok && list.names(version)
}
