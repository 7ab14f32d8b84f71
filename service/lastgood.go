package service

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/toprent/flags/ruleset"
)

// lastGoodFile is a file on disk for a start without the source.
type lastGoodFile struct {
	Format  int             `json:"format"`
	Sum     string          `json:"sum"` // SHA-256 of the content, in hexadecimal
	Content json.RawMessage `json:"content"`
}

// lastGood is the newest revision, as it is kept there.
type lastGood struct {
	ID         ruleset.ID         `json:"id"`
	Floor      int64              `json:"floor"`
	Published  time.Time          `json:"published"`
	Saved      time.Time          `json:"saved"`
	Definition ruleset.Definition `json:"definition"`
}

const lastGoodFormat = 1

func sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// writeLastGood replaces the file in one step, so that a crash leaves the old one or the new one, never half of one.
func (s *FeatureFlagService) writeLastGood(st *state) {
	if s.lastGood == "" {
		return
	}
	if err := writeLastGood(s.lastGood, st); err != nil {
		s.log.Warn("flags: the last good revision could not be saved; a start without the source would serve an older one", "file", s.lastGood, "error", err)
	}
}

func writeLastGood(path string, st *state) error {
	content, err := json.Marshal(lastGood{st.head.ID, st.head.Floor, st.head.PublishedAt, st.head.Now, st.newest.own.Definition()})
	if err != nil {
		return err
	}
	data, err := json.Marshal(lastGoodFile{lastGoodFormat, sum(content), content})
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone already where all went well
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	removeUnfinished(path)
	return os.Rename(file.Name(), path)
}

// unfinishedLife is after how long a file that was never finished is removed. Before, another instance that shares the
// folder may still be writing it.
const unfinishedLife = time.Minute

// removeUnfinished removes what instances left behind that were killed while they wrote. That it fails is no matter.
func removeUnfinished(path string) {
	files, _ := os.ReadDir(filepath.Dir(path))
	for _, file := range files {
		number, ours := strings.CutPrefix(file.Name(), filepath.Base(path)+".")
		if _, err := strconv.ParseUint(number, 10, 64); !ours || err != nil {
			continue
		}
		if info, err := file.Info(); err == nil && time.Since(info.ModTime()) > unfinishedLife {
			_ = os.Remove(filepath.Join(filepath.Dir(path), file.Name()))
		}
	}
}

// readLastGood gives the state that was saved.
func (s *FeatureFlagService) readLastGood() (*state, error) {
	if s.lastGood == "" {
		return nil, errors.New("no last good file is configured")
	}
	data, err := os.ReadFile(s.lastGood)
	if err != nil {
		return nil, err
	}
	var file lastGoodFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", s.lastGood, err)
	}
	switch {
	case file.Format != lastGoodFormat:
		return nil, fmt.Errorf("%s has format %d: this version reads %d", s.lastGood, file.Format, lastGoodFormat)
	case file.Sum != sum(file.Content):
		return nil, fmt.Errorf("%s is damaged: its checksum is wrong", s.lastGood)
	}
	var last lastGood
	if err := json.Unmarshal(file.Content, &last); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", s.lastGood, err)
	}
	if last.ID.Environment != s.environment {
		return nil, fmt.Errorf("%s is of environment %q, not %q", s.lastGood, last.ID.Environment, s.environment)
	}
	head := Head{ID: last.ID, Floor: last.Floor, PublishedAt: last.Published, Now: last.Saved}
	st := s.newState(head, []*ruleset.Revision{s.compile(last.ID, last.Definition, nil)}, nil)
	st.fromDisk = true
	return st, nil
}
