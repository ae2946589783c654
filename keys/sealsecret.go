package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// secretInfo separates the key of sealed secrets from any other use of the identity (RFC 5869 section 3.2).
const secretInfo = "keyturn sealed secret v1"

// ErrUnopened says that a sealed secret is not what was sealed for that purpose and owner by this
// installation: it was altered, moved to another row, or sealed under another master identity.
var ErrUnopened = errors.New("keys: a sealed secret can't be opened")

// SealSecret seals what the database keeps and the program has to read again, such as the secret of an
// authenticator app. It opens only for the same purpose and owner, so that a row that is moved to another
// person is worth nothing.
func (r *Ring) SealSecret(purpose, owner string, plain []byte) ([]byte, error) {
	if r.Master == nil {
		return nil, errors.New("keys: there is no master identity to seal with")
	}
	return r.Master.sealSecret(purpose, owner, plain)
}

// OpenSecret is the inverse of SealSecret; ErrUnopened. byFirst tells that the first identity of the master
// opened it, so that it need not be sealed anew.
func (r *Ring) OpenSecret(purpose, owner string, sealed []byte) (plain []byte, byFirst bool, err error) {
	if r.Master == nil {
		return nil, false, fmt.Errorf("%w: there is no master identity", ErrUnopened)
	}
	return r.Master.openSecret(purpose, owner, sealed)
}

func (m *Master) sealSecret(purpose, owner string, plain []byte) ([]byte, error) {
	aead, err := m.identities[0].secrets()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, secretLabel(purpose, owner)), nil
}

func (m *Master) openSecret(purpose, owner string, sealed []byte) (plain []byte, byFirst bool, err error) {
	for i, id := range m.identities {
		aead, err := id.secrets()
		if err != nil {
			return nil, false, err
		}
		if plain, err := aead.Open(nil, nil, sealed, secretLabel(purpose, owner)); err == nil {
			return plain, i == 0, nil
		}
	}
	return nil, false, ErrUnopened
}

// secrets is AES-256-GCM under a key of the identity; it makes its own nonces.
func (id identity) secrets() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(id.age.String()), nil, secretInfo, 32)
	if err != nil {
		return nil, fmt.Errorf("master identity: derive key of secrets: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("master identity: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// secretLabel is what is authenticated beside the secret. The length keeps purpose and owner apart.
func secretLabel(purpose, owner string) []byte {
	label := binary.BigEndian.AppendUint64(nil, uint64(len(purpose)))
	return append(append(label, purpose...), owner...)
}
