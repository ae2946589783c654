package admin

import (
	"net/http"
	"net/url"
	"time"

	"keyturn/issuer"
	"keyturn/keys"
)

// listResources answers the stored resources and the one of the configured audience, or the one that is
// named; the cursor is an identifier.
func (h *Handlers) listResources(r *request) error {
	all, err := h.Issuer.Resources(r.ctx)
	if err != nil {
		return err
	}
	if wanted, one := r.query["identifier"]; one {
		return h.readResources(r, all, wanted)
	}
	read := func(after string, limit int) ([]issuer.Resource, error) {
		var some []issuer.Resource
		for _, resource := range all {
			if resource.Identifier > after && len(some) < limit {
				some = append(some, resource)
			}
		}
		return some, nil
	}
	return writePage(r, read, func(resource issuer.Resource) string { return resource.Identifier }, ViewResource)
}

// readResources answers a list of the one resource that is named, which is what PUT and DELETE at the same URL are
// about, with its entity tag; or of none.
func (h *Handlers) readResources(r *request, all []issuer.Resource, identifier string) error {
	if _, err := r.query.limit(); err != nil {
		return err
	}
	for _, resource := range all {
		if resource.Identifier == identifier && identifier > r.query["after"] {
			return r.writeTagged(http.StatusOK, resource.Version(), listed[Resource]{Items: []Resource{ViewResource(resource)}})
		}
	}
	return r.write(http.StatusOK, listed[Resource]{Items: []Resource{}})
}

func (h *Handlers) createResource(r *request) error {
	resource, err := h.readResource(r, "")
	if err != nil {
		return err
	}
	if err := h.Issuer.CreateResource(r.ctx, resource, r.actor); err != nil {
		return err
	}
	h.location(r, "/resources?identifier="+url.QueryEscape(resource.Identifier))
	return r.writeTagged(http.StatusCreated, resource.Version(), ViewResource(resource))
}

// updateResource replaces a resource: what is left out is as in a new one.
func (h *Handlers) updateResource(r *request) error {
	identifier, err := r.identifier()
	if err != nil {
		return err
	}
	resource, err := h.readResource(r, identifier)
	if err != nil {
		return err
	}
	if err := h.Issuer.UpdateResource(r.ctx, resource, r.actor); err != nil {
		return err
	}
	return r.write(http.StatusOK, ViewResource(resource))
}

func (h *Handlers) deleteResource(r *request) error {
	identifier, err := r.identifier()
	if err != nil {
		return err
	}
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Issuer.DeleteResource(r.ctx, identifier, r.actor); err != nil {
		return err
	}
	return r.done()
}

// identifier is a parameter and not part of the path: identifiers are URLs as often as not.
func (r *request) identifier() (string, error) {
	identifier := r.query["identifier"]
	if identifier == "" {
		return "", invalid("identifier", "is missing")
	}
	return identifier, nil
}

// readResource reads a resource; identifier is the one that is replaced, empty for a new one. What the
// request does not mention is as with the default resource, here as on the command line: algorithm and
// lifetime follow the settings, claims are the names, and simplejwt is true. A service that comes from
// SimpleJWT refuses tokens without token_type and user_id, and one that does not ignores them.
func (h *Handlers) readResource(r *request, identifier string) (issuer.Resource, error) {
	named := identifier
	var algorithm, lifetime string
	var claims, scopes []string
	var simpleJWT *bool
	if err := r.read(members{
		"identifier": &named, "algorithm": &algorithm, "access_lifetime": &lifetime, "claims": &claims, "simplejwt": &simpleJWT,
		"scopes": &scopes,
	}); err != nil {
		return issuer.Resource{}, err
	}
	if identifier != "" && named != identifier {
		return issuer.Resource{}, invalid("identifier", "is another one in the body than in the query string")
	}
	byDefault := h.Issuer.Settings.DefaultResource()
	resource := issuer.Resource{
		Identifier: named, Algorithm: keys.Algorithm(algorithm), Claims: byDefault.Claims, SimpleJWT: byDefault.SimpleJWT,
		Scopes: scopes,
	}
	if claims != nil {
		resource.Claims = claims
	}
	if simpleJWT != nil {
		resource.SimpleJWT = *simpleJWT
	}
	if lifetime != "" {
		d, err := time.ParseDuration(lifetime)
		if err != nil {
			return issuer.Resource{}, invalid("access_lifetime", "must be a duration like 5m or 1h30m")
		}
		resource.AccessLifetime = d
	}
	return resource, nil
}
