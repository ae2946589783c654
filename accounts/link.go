package accounts

import (
	"errors"
	"time"
)

// Link is a one-time link as it is stored: under the SHA-256 of its secret, which is in the letter alone.
type Link struct {
	// LetterID is shared by all links that left with one letter; using one of them uses up all.
	LetterID string
	Purpose  LinkPurpose
	// UserID is empty for a link that will make an account.
	UserID string
	// CredentialVersion is that of the user for whom the link lives.
	CredentialVersion    int64
	Email                string
	Data                 map[string]string
	CreatedAt, ExpiresAt time.Time
}

var (
	// ErrLinkUsed tells that the link, or another that left with the same letter, has done what it was for.
	ErrLinkUsed = errors.New("accounts: the link was used before")
	// ErrLinkGone tells that there is no such link for that purpose, that it has expired, or that the account
	// it was for is not as it was then: another password, deactivated, deleted.
	ErrLinkGone = errors.New("accounts: the link is not good any more")
)
