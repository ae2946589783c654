// Package audit names what happened, who did it and to what. It owns the vocabulary only: the
// packages that change state build an Event and hand it to the store with the change, so that both
// are committed in one transaction or not at all. It also says what an actor may do (Rights), because whoever
// acts and what they may belong together. It imports nothing of Keyturn.
package audit

import "time"

// Action is a past-tense name of a change of state, "<thing>.<what happened>".
type Action string

// The changes of state that are recorded, and successful sign-ins.
const (
	UserCreated      Action = "user.created"
	UserImported     Action = "user.imported"
	UserUpdated      Action = "user.updated"
	UserActivated    Action = "user.activated"
	UserDeactivated  Action = "user.deactivated"
	UserDeleted      Action = "user.deleted"
	UserPasswordSet  Action = "user.password_set"
	UserSignedIn     Action = "user.signed_in"
	GrantRevoked     Action = "grant.revoked"
	SessionsEnded    Action = "session.all_ended"
	KeyCreated       Action = "key.created"
	KeyRescheduled   Action = "key.rescheduled"
	KeyRevoked       Action = "key.revoked"
	KeyDeleted       Action = "key.deleted"
	KeysResealed     Action = "key.resealed"
	ResourceCreated  Action = "resource.created"
	ResourceUpdated  Action = "resource.updated"
	ResourceDeleted  Action = "resource.deleted"
	AdminTokenIssued Action = "admin.token_issued"
	LogPruned        Action = "audit.pruned" // rows of the log itself were removed

	ClientCreated       Action = "client.created"
	ClientUpdated       Action = "client.updated"
	ClientEnabled       Action = "client.enabled"
	ClientDisabled      Action = "client.disabled"
	ClientDeleted       Action = "client.deleted"
	ClientSecretAdded   Action = "client.secret_added"
	ClientSecretRemoved Action = "client.secret_removed"
	GrantCreated        Action = "grant.created"
	ConsentGiven        Action = "consent.given"
	ConsentRemoved      Action = "consent.removed"
	SessionEnded        Action = "session.ended"

	GroupCreated       Action = "group.created"
	GroupUpdated       Action = "group.updated"
	GroupDeleted       Action = "group.deleted"
	GroupMemberAdded   Action = "group.member_added"
	GroupMemberRemoved Action = "group.member_removed"
	GroupRoleAdded     Action = "group.role_added"
	GroupRoleRemoved   Action = "group.role_removed"

	FirstRunOffered     Action = "admin.first_run_offered" // the link by which the first administrator makes themself
	SignUpAsked         Action = "user.sign_up_asked"
	UserInvited         Action = "user.invited"
	InvitationWithdrawn Action = "user.invitation_withdrawn"
	PasswordResetAsked  Action = "user.password_reset_asked"
	EmailChangeAsked    Action = "user.email_change_asked"
	UserExported        Action = "user.exported"

	LetterGivenUp Action = "letter.given_up"
	LetterRetried Action = "letter.retried"
	LetterDropped Action = "letter.dropped"

	FactorAdded       Action = "factor.added"
	FactorRenamed     Action = "factor.renamed"
	FactorRemoved     Action = "factor.removed"
	FactorsReset      Action = "factor.all_removed"
	PasskeyCloned     Action = "factor.clone_refused"
	RecoveryCodesMade Action = "recovery_codes.made"
	RecoveryCodeUsed  Action = "recovery_codes.used"
)

// ActorKind says what kind of thing acted.
type ActorKind string

// The kinds of actor.
const (
	Anonymous ActorKind = "anonymous" // nobody proved who they are; Address is all that is known
	User      ActorKind = "user"      // ID is the user id
	Client    ActorKind = "client"    // ID is the client id
	Operator  ActorKind = "operator"  // the command line on the machine itself; ID is the OS user's name
	System    ActorKind = "system"    // Keyturn itself, on schedule
)

// Actor is who caused an event, and from where.
type Actor struct {
	Kind ActorKind
	ID   string
	// Address is the peer's network address without port, empty for Operator and System.
	Address string
	// RequestID is the id under which the log tells of the same request, empty outside HTTP.
	RequestID string
	// Rights are what it may do as an administrator. They are asked before a change and not recorded.
	Rights Rights
	// Seen are the versions, blank-separated, of which the thing to be changed must have one (Saw); empty for any.
	Seen string
	// Why is what the actor says of why they act, empty for nothing. It is the reason of events that have no other.
	Why string
}

// Event is one thing that happened. It never holds a token, code, password or key.
type Event struct {
	// ID and At are set by the store: a growing number, and the database's time at the commit's transaction.
	ID int64
	At time.Time

	Action Action
	Actor  Actor
	// SubjectKind and SubjectID name what it happened to: "user", "grant", "key", "resource".
	SubjectKind, SubjectID string
	// Reason is a word of the vocabulary of the action ("reused", "logout") or an operator's own text.
	Reason string
	// Details are a few more facts, each a short text; nil for none.
	Details map[string]string
}

// Refusal is a request that was refused and changed nothing. The store keeps one row per account,
// address, reason and minute, with a count, so that a flood of refusals is a number and not a flood of rows.
type Refusal struct {
	// Account is the id of the user, or of the client that a token was issued to; "unknown" for a name
	// that nobody has.
	Account string
	Address string
	// Reason is the precise name of the error, for example "credentials" or "throttled".
	Reason string
}
