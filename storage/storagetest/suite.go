package storagetest

import (
	"testing"

	"keyturn/storage"
)

// OpenFunc opens a migrated database of its own for each call.
type OpenFunc func(t *testing.T, o storage.Options) *storage.DB

// Suite holds a database to what keys, accounts and issuer were promised. Both databases must pass it.
func Suite(t *testing.T, open OpenFunc) {
	for _, part := range []struct {
		name string
		test func(*testing.T, OpenFunc)
	}{
		{"Users", testUsers},
		{"UserList", testUserList},
		{"LookAlikes", testLookAlikes},
		{"ExternalIDs", testExternalIDs},
		{"Import", testImport},
		{"ImportRaces", testImportRaces},
		{"Credentials", testCredentials},
		{"PasswordSchemes", testPasswordSchemes},
		{"Groups", testGroups},
		{"GroupMembers", testGroupMembers},
		{"RightsOf", testRightsOf},
		{"NobodyIsOutranked", testNobodyOutranked},
		{"LastAdministrator", testLastAdministrator},
		{"LastAdministratorRaces", testLastAdministratorRaces},
		{"GroupLimits", testGroupLimits},
		{"Throttle", testThrottle},
		{"KnownAddresses", testKnownAddresses},
		{"Newcomers", testNewcomers},
		{"TakeAttemptOnce", testTakeAttempt},
		{"Audit", testAudit},
		{"Refusals", testRefusals},
		{"AuditLists", testAuditLists},
		{"Activity", testActivity},
		{"Seals", testSeals},
		{"SealRefusals", testSealRefusals},
		{"SealRaces", testSealRaces},
		{"AuditRetention", testAuditRetention},
		{"Keys", testKeys},
		{"KeysConflict", testKeysConflict},
		{"Resources", testResources},
		{"CreateGrant", testCreateGrant},
		{"AdvanceGrant", testAdvanceGrant},
		{"AdvanceGrantExpiry", testAdvanceExpiry},
		{"JudgeGrant", testJudgeGrant},
		{"JudgeGrantHoldsStill", testJudgeHoldsStill},
		{"RevokeGrants", testRevokeGrants},
		{"GrantLists", testGrantLists},
		{"Clients", testClients},
		{"ClientSecrets", testClientSecrets},
		{"MethodsWithoutSecrets", testMethodsWithoutSecrets},
		{"SecretBesideChangeOfMethod", testSecretBesideChangeOfMethod},
		{"ClientEnds", testClientEnds},
		{"ClientsMissNothing", testClientsMissNothing},
		{"Interactions", testInteractions},
		{"Assertions", testAssertions},
		{"Consents", testConsents},
		{"ConsentRaces", testConsentRaces},
		{"CodesNeedConsent", testCodesNeedConsent},
		{"StartSession", testStartSession},
		{"ReplaceSession", testReplaceSession},
		{"SessionLists", testSessionLists},
		{"EndSessions", testEndSessions},
		{"UserEnds", testUserEnds},
		{"EndAll", testEndAll},
		{"LogoutQueue", testLogoutQueue},
		{"TakeLogoutsOnce", testTakeLogoutsOnce},
		{"Letters", testLetters},
		{"LetterLease", testLetterLease},
		{"LettersGivenUp", testLettersGivenUp},
		{"ClaimLettersOnce", testClaimLettersOnce},
		{"LettersOfTheDeleted", testLettersOfTheDeleted},
		{"UsersByEmail", testUsersByEmail},
		{"TakeLetters", testTakeLetters},
		{"AskedLetters", testAskedLetters},
		{"CreateUserByLink", testCreateUserByLink},
		{"ResetPassword", testResetPassword},
		{"ConfirmEmail", testConfirmEmail},
		{"OwnChanges", testOwnChanges},
		{"DeleteOwn", testDeleteOwn},
		{"Kept", testKept},
		{"SelfServiceRaces", testSelfServiceRaces},
		{"Codes", testCodes},
		{"CodeReuse", testCodeReuse},
		{"CodeMismatch", testCodeMismatch},
		{"CodeNeeds", testCodeNeeds},
		{"Contenders", testContenders},
		{"CodeContenders", testCodeContenders},
		{"CodeRaces", testCodeRaces},
		{"StoreCodeRaces", testStoreCodeRaces},
		{"SessionRaces", testSessionRaces},
		{"SignInRaces", testSignInRaces},
		{"RandomHistories", testHistories},
		{"MixedLoad", testMixedLoad},
		{"SweepNeverEarly", testSweep},
		{"SweepBrowsers", testSweepBrowsers},
		{"SweepLetters", testSweepLetters},
		{"BadText", testBadText},
		{"ContextEnds", testContextEnds},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, open) })
	}
}
