package keys

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"filippo.io/age"
)

const (
	// maxMaster is the size in bytes beyond which a master identity file is refused.
	maxMaster = 64 << 10
	// tagInfo separates the tag's key from any other use of the identity (RFC 5869 section 3.2).
	tagInfo = "keyturn signing key row tag v1"
	// auditInfo is the same for the tags of the audit log's seals.
	auditInfo = "keyturn audit seal tag v1"
	// vouchInfo is the same for what the program gives away and recognizes again (Ring.Vouch).
	vouchInfo = "keyturn vouched text v1"
)

// Master is the master identity: what private keys are sealed to at rest, and what proves that a key
// row was written by this installation. It may hold several identities: the first seals and tags, all
// open. To change it, add the new identity after the old one on every instance; then put it first,
// again on every instance; reseal (Ring.Reseal); and remove the old one.
type Master struct {
	identities []identity
}

type identity struct {
	age                        *age.X25519Identity
	tagKey, auditKey, vouchKey []byte
}

// ParseMaster reads age X25519 identities, one a line; blank lines and lines that start with # are
// left out. It never quotes the text in an error.
func ParseMaster(text []byte) (*Master, error) {
	if len(text) > maxMaster {
		return nil, fmt.Errorf("master identity: longer than %d bytes", maxMaster)
	}
	m := &Master{}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parsed, err := age.ParseX25519Identity(line)
		if err != nil {
			return nil, fmt.Errorf("master identity: line %d is not an age identity (AGE-SECRET-KEY-1…)", n)
		}
		if err := m.add(parsed); err != nil {
			return nil, err
		}
	}
	if len(m.identities) == 0 {
		return nil, errors.New("master identity: no identity in it (AGE-SECRET-KEY-1…)")
	}
	return m, nil
}

// GenerateMaster makes a new master identity and the text of its file, which is secret.
func GenerateMaster() ([]byte, *Master, error) {
	generated, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, nil, fmt.Errorf("generate master identity: %w", err)
	}
	m := &Master{}
	if err := m.add(generated); err != nil {
		return nil, nil, err
	}
	text := fmt.Sprintf("# Keyturn master identity. Signing keys in the database can't be opened without it.\n# public key: %s\n%s\n",
		generated.Recipient(), generated)
	return []byte(text), m, nil
}

func (m *Master) add(id *age.X25519Identity) error {
	tagKey, err := hkdf.Key(sha256.New, []byte(id.String()), nil, tagInfo, sha256.Size)
	if err != nil {
		return fmt.Errorf("master identity: derive tag key: %w", err)
	}
	auditKey, err := hkdf.Key(sha256.New, []byte(id.String()), nil, auditInfo, sha256.Size)
	if err != nil {
		return fmt.Errorf("master identity: derive audit key: %w", err)
	}
	vouchKey, err := hkdf.Key(sha256.New, []byte(id.String()), nil, vouchInfo, sha256.Size)
	if err != nil {
		return fmt.Errorf("master identity: derive key to vouch by: %w", err)
	}
	m.identities = append(m.identities, identity{age: id, tagKey: tagKey, auditKey: auditKey, vouchKey: vouchKey})
	return nil
}

// first is a Master of the first identity alone: what must be enough after a reseal.
func (m *Master) first() *Master { return &Master{identities: m.identities[:1]} }

// String does not tell the identity.
func (m *Master) String() string { return fmt.Sprintf("master identity of %d", len(m.identities)) }

// GoString does not tell the identity.
func (m *Master) GoString() string { return m.String() }

// BadRow is a key row that can't be trusted. It is not used.
type BadRow struct {
	KID string
	// Problem says what is wrong and what to do.
	Problem string
}

// Error names the row, the problem and what to do.
func (e *BadRow) Error() string { return fmt.Sprintf("keys: row of key %q: %s", e.KID, e.Problem) }

const (
	untagged = "its tag matches no master identity: it was written under another one, or altered; " +
		"give this instance the identity that wrote it, or restore or delete the row"
	unopened = "its tag is good but the row is not: %v; restore or delete the row"
)

// seal makes the record of a new or changed key: private key sealed, row tagged, by the first identity.
func (m *Master) seal(k Key, private crypto.Signer) (Record, error) {
	pair, err := newMaterial(private, k.Algorithm)
	if err != nil {
		return Record{}, err
	}
	k.KID = pair.kid
	public, err := json.Marshal(pair.jwk())
	if err != nil {
		return Record{}, fmt.Errorf("public JWK: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Record{}, fmt.Errorf("private key: %w", err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, m.identities[0].age.Recipient())
	if err != nil {
		return Record{}, fmt.Errorf("seal private key: %w", err)
	}
	if _, err := w.Write(der); err != nil {
		return Record{}, fmt.Errorf("seal private key: %w", err)
	}
	if err := w.Close(); err != nil {
		return Record{}, fmt.Errorf("seal private key: %w", err)
	}
	return m.tagged(Record{Key: k, PublicJWK: public, Sealed: sealed.Bytes()}), nil
}

// tagged returns the record with the first identity's tag.
func (m *Master) tagged(r Record) Record {
	r.Tag = m.identities[0].tag(r)
	return r
}

// authentic tells whether one of the identities tagged the record as it is.
func (m *Master) authentic(r Record) bool {
	ok := false
	for _, id := range m.identities {
		ok = hmac.Equal(id.tag(r), r.Tag) || ok
	}
	return ok
}

// open checks the tag and everything below it, and returns the key pair; the error is a *BadRow.
func (m *Master) open(r Record) (*material, error) {
	if !m.authentic(r) {
		return nil, &BadRow{r.KID, untagged}
	}
	pair, err := m.unseal(r)
	if err != nil {
		return nil, &BadRow{r.KID, fmt.Sprintf(unopened, err)}
	}
	return pair, nil
}

func (m *Master) unseal(r Record) (*material, error) {
	identities := make([]age.Identity, len(m.identities))
	for i, id := range m.identities {
		identities[i] = id.age
	}
	plain, err := age.Decrypt(bytes.NewReader(r.Sealed), identities...)
	if err != nil {
		return nil, fmt.Errorf("open private key: %w", err)
	}
	der, err := io.ReadAll(io.LimitReader(plain, maxMaster))
	if err != nil {
		return nil, fmt.Errorf("open private key: %w", err)
	}
	private, err := parsePKCS8(der)
	if err != nil {
		return nil, err
	}
	pair, err := newMaterial(private, r.Algorithm)
	if err != nil {
		return nil, err
	}
	if pair.kid != r.KID {
		return nil, errors.New("the kid is not the thumbprint of the private key")
	}
	if r.Purpose != Token && (r.Purpose != Refresh || r.Algorithm != EdDSA) {
		return nil, errors.New("the purpose does not fit")
	}
	return pair, pair.matches(r.PublicJWK)
}

// tag is an HMAC over the row with every field's length before it, so that no two rows encode alike.
// Times count in microseconds, as the store keeps them; a time that is not set is an empty field.
func (id identity) tag(r Record) []byte {
	mac := hmac.New(sha256.New, id.tagKey)
	field := func(b []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		mac.Write(length[:])
		mac.Write(b)
	}
	number := func(n int64) { field(binary.BigEndian.AppendUint64(nil, uint64(n))) }
	field([]byte(r.KID))
	field([]byte(r.Algorithm))
	field([]byte(r.Purpose))
	number(r.Epoch)
	for _, t := range []time.Time{r.PublishedAt, r.SignsFrom, r.SignsUntil, r.VerifiesUntil, r.RevokedAt} {
		if t.IsZero() {
			field(nil)
			continue
		}
		number(t.UnixMicro())
	}
	field(r.PublicJWK)
	field(r.Sealed)
	return mac.Sum(nil)
}
