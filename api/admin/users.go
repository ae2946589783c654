package admin

import (
	"encoding/json"
	"net/http"

	"keyturn/accounts"
)

// listUsers answers users in the order of their names; the cursor is a name.
func (h *Handlers) listUsers(r *request) error {
	read := func(after string, limit int) ([]accounts.User, error) {
		return h.Accounts.List(r.ctx, accounts.Query{Prefix: r.query["prefix"], After: after, Limit: limit}, r.actor)
	}
	return writePage(r, read, func(u accounts.User) string { return u.Username }, ViewUser)
}

func (h *Handlers) readUser(r *request) error {
	user, err := h.Accounts.Get(r.ctx, r.gin.Param("id"))
	if err != nil {
		return err
	}
	return r.writeTagged(http.StatusOK, user.Version(), ViewUser(user))
}

func (h *Handlers) createUser(r *request) error {
	var in accounts.NewUser
	var password *string
	var claims json.RawMessage
	if err := r.read(members{
		"username": &in.Username, "password": &password, "email": &in.Email, "email_verified": &in.EmailVerified,
		"given_name": &in.GivenName, "family_name": &in.FamilyName, "admin": &in.Admin, "external_id": &in.ExternalID,
		"claims": &claims,
	}); err != nil {
		return err
	}
	if password != nil {
		if in.Password = *password; in.Password == "" {
			return invalid("password", "is empty; leave it out for a user without one")
		}
	}
	if claims != nil {
		var err error
		if in.Claims, err = ReadClaims(claims); err != nil {
			return err
		}
	}
	user, err := h.Accounts.Create(r.ctx, in, r.actor)
	if err != nil {
		return err
	}
	h.location(r, "/users/"+user.ID)
	return r.writeTagged(http.StatusCreated, user.Version(), ViewUser(user))
}

func (h *Handlers) updateUser(r *request) error {
	var c accounts.Change
	var claims json.RawMessage
	if err := r.read(members{
		"username": &c.Username, "email": &c.Email, "email_verified": &c.EmailVerified,
		"given_name": &c.GivenName, "family_name": &c.FamilyName, "admin": &c.Admin, "external_id": &c.ExternalID,
		"claims": &claims,
	}); err != nil {
		return err
	}
	if claims != nil {
		all, err := ReadClaims(claims)
		if err != nil {
			return err
		}
		c.Claims = &all
	}
	user, err := h.Accounts.Update(r.ctx, r.gin.Param("id"), c, r.actor)
	if err != nil {
		return err
	}
	return r.writeTagged(http.StatusOK, user.Version(), ViewUser(user))
}

func (h *Handlers) setPassword(r *request) error {
	var password string
	if err := r.read(members{"password": &password}); err != nil {
		return err
	}
	ended, err := h.Accounts.SetPassword(r.ctx, r.gin.Param("id"), password, r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

func (h *Handlers) activateUser(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	if err := h.Accounts.Activate(r.ctx, r.gin.Param("id"), r.actor); err != nil {
		return err
	}
	return r.done()
}

func (h *Handlers) deactivateUser(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	ended, err := h.Accounts.Deactivate(r.ctx, r.gin.Param("id"), r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}

func (h *Handlers) deleteUser(r *request) error {
	if err := r.read(nil); err != nil {
		return err
	}
	ended, err := h.Accounts.Delete(r.ctx, r.gin.Param("id"), r.actor)
	if err != nil {
		return err
	}
	return r.ended(ended)
}
