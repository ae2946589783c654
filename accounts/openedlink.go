package accounts

import (
	"context"
	"time"

	"keyturn/keys"
)

// OpenedLink is what the page of a one-time link shows and asks for.
type OpenedLink struct {
	Purpose LinkPurpose
	// Email is the address that goes with the link; using it proves it, if a letter carried it. Empty for another link.
	Email string
	// Username is the name to sign in with: of the account, or that an account will get.
	Username string
	// GivenName and FamilyName are what an invitation proposes.
	GivenName, FamilyName string
	// Admin tells that an invitation makes an administrator.
	Admin bool
	// LeastPassword is how many characters the new password needs; 0 where none is asked for.
	LeastPassword int
	ExpiresAt     time.Time
}

// What links keep beside their terms (LinkTerms.Data).
const (
	dataUsername   = "username"
	dataGivenName  = "given_name"
	dataFamilyName = "family_name"
	dataAdmin      = "admin"
	dataInviter    = "inviter" // the id of the user who invites
	dataFrom       = "from"    // the address before
	dataMailed     = "mailed"  // a letter carries the link, and whoever has it reads the address
)

// Look tells what a link's page needs; it uses nothing up. ErrLinkUsed where the link has done what it was
// for, ErrLinkGone where it is not good for any other reason.
func (s *SelfService) Look(ctx context.Context, purpose LinkPurpose, secret keys.Secret) (OpenedLink, error) {
	link, err := s.link(ctx, purpose, secret)
	if err != nil {
		return OpenedLink{}, err
	}
	opened := OpenedLink{
		Purpose: purpose, Email: link.Email, Username: link.Data[dataUsername], ExpiresAt: link.ExpiresAt,
		GivenName: link.Data[dataGivenName], FamilyName: link.Data[dataFamilyName], Admin: link.Data[dataAdmin] != "",
	}
	if link.UserID != "" {
		user, err := s.userOf(ctx, link)
		if err != nil {
			return OpenedLink{}, err
		}
		opened.Username = user.Username
	}
	if purpose == LinkSignUp {
		opened.Username = link.Email // as FinishSignUp will have it
	}
	if purpose != LinkEmailConfirm {
		opened.LeastPassword, err = s.LeastPassword(ctx, link.UserID)
	}
	return opened, err
}

// link is the good link of that secret.
func (s *SelfService) link(ctx context.Context, purpose LinkPurpose, secret keys.Secret) (Link, error) {
	if secret.Reveal() == "" {
		return Link{}, ErrLinkGone
	}
	return s.Store.LinkByHash(ctx, secret.Hash(), purpose)
}
