package cli

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// minKey is how long a session key must be, in bytes.
const minKey = 32

// keys are what cookies are signed with. Outside of production they are made up where none are given.
func (s *Settings) keys() ([][]byte, error) {
	if s.SessionKey == "" {
		if s.production() {
			return nil, errors.New("SESSION_KEY is required in production: make one with `openssl rand -hex 32`, the same for all instances")
		}
		return nil, nil
	}
	var keys [][]byte
	for text := range strings.SplitSeq(s.SessionKey, ",") {
		key := decodeKey(strings.TrimSpace(text))
		if len(key) < minKey {
			return nil, fmt.Errorf("SESSION_KEY: a key of %d bytes is too short: make one of %d with `openssl rand -hex 32`", len(key), minKey)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// decodeKey reads hexadecimal or base64; anything else is taken as it is.
func decodeKey(text string) []byte {
	if key, err := hex.DecodeString(text); err == nil {
		return key
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if key, err := encoding.DecodeString(text); err == nil {
			return key
		}
	}
	return []byte(text)
}

// sessionKeys are the keys that were given, or else one that is kept beside the database.
func (s *Settings) sessionKeys() ([][]byte, error) {
	keys, err := s.keys()
	if err != nil || keys != nil {
		return keys, err
	}
	return s.developmentKeys()
}

// developmentKeys gives the key kept beside the database, made the first time, so that restarts sign nobody out.
func (s *Settings) developmentKeys() ([][]byte, error) {
	key, err := s.keptKey("toprent.session-key")
	if err != nil {
		return nil, err
	}
	return [][]byte{key}, nil
}

// keptKey gives the key of that file beside the database, made the first time.
func (s *Settings) keptKey(file string) ([]byte, error) {
	if _, path, _ := s.database(); path != "" {
		file = filepath.Join(filepath.Dir(path), file)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(file)
	}
	if err != nil {
		return nil, fmt.Errorf("keep a key: %w", err)
	}
	key := decodeKey(strings.TrimSpace(string(text)))
	if len(key) < minKey {
		return nil, fmt.Errorf("%s holds no key: put back the one that was there, or remove it, and another is made", file)
	}
	return key, nil
}

// foundKey gives the key of that file beside the database, if there is one.
func (s *Settings) foundKey(file string) [][]byte {
	_, path, _ := s.database()
	text, err := os.ReadFile(filepath.Join(filepath.Dir(path), file))
	if err != nil {
		return nil
	}
	return [][]byte{decodeKey(strings.TrimSpace(string(text)))}
}

// makeKey gives the text of a key file that was not there. Of instances that start at once the first one makes it: a
// link to a finished file is made whole, and only where there is none.
func makeKey(file string) ([]byte, error) {
	made, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(made.Name())
	key := make([]byte, minKey)
	_, _ = rand.Read(key) // never fails
	_, err = made.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, made.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(made.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(file)
}
