package models

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"
)

// CodeUpload is the last scan of one branch of one repository that was sent here.
type CodeUpload struct {
	ID         string `gorm:"primaryKey"` // a UUID
	Repository string
	Branch     string
	CommitID   string
	Link       string // pattern of links to the code host; empty: there are none
	Uses       int64
	Dynamic    int64 // uses whose keys the scan could not know
	UploadedAt Time
	UploadedBy string
}

func (CodeUpload) TableName() string { return "code_uploads" }

// CodeReference is one line of code that asks for a flag. The flag need not be there.
type CodeReference struct {
	UploadID string `gorm:"primaryKey"`
	Key      string `gorm:"primaryKey"`
	Path     string `gorm:"primaryKey"`
	Line     int64  `gorm:"primaryKey;autoIncrement:false"`
	Language string
}

func (CodeReference) TableName() string { return "code_references" }

// CodeKey says when a flag was last found in the code of a branch.
type CodeKey struct {
	Repository string `gorm:"primaryKey"`
	Branch     string `gorm:"primaryKey"`
	Key        string `gorm:"primaryKey"`
	FoundAt    Time
}

func (CodeKey) TableName() string { return "code_keys" }

// maxCodeUploads is how many branches of repositories are kept.
const maxCodeUploads = 500

// ErrTooManyUploads says that no further branch of a repository can be kept.
var ErrTooManyUploads = errors.New("too many branches of repositories are kept")

// ReplaceCode keeps what a scan found in place of what the last scan of the same repository and branch found. Others'
// stay as they are. ID and UploadedAt are set here.
func (s *Store) ReplaceCode(ctx context.Context, upload CodeUpload, references []CodeReference) error {
	err := s.Write(ctx, func(tx *Tx) error { return tx.replaceCode(ctx, upload, references) })
	if err != nil {
		return fmt.Errorf("keep where %s uses flags: %w", upload.Repository, err)
	}
	return nil
}

func (tx *Tx) replaceCode(ctx context.Context, upload CodeUpload, references []CodeReference) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	upload.ID, upload.UploadedAt = uuid.NewString(), At(now)
	err = tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "repository"}, {Name: "branch"}},
		DoUpdates: clause.AssignmentColumns([]string{"commit_id", "link", "uses", "dynamic", "uploaded_at", "uploaded_by"})}).Create(&upload).Error
	if err != nil {
		return err
	}
	var total int64
	if err := tx.with(ctx).Model(&CodeUpload{}).Count(&total).Error; err != nil {
		return err
	}
	if total > maxCodeUploads {
		return ErrTooManyUploads
	}
	var kept CodeUpload
	if err := tx.with(ctx).Where("repository = ? AND branch = ?", upload.Repository, upload.Branch).Take(&kept).Error; err != nil {
		return err
	}
	if err := tx.with(ctx).Where("upload_id = ?", kept.ID).Delete(&CodeReference{}).Error; err != nil {
		return err
	}
	return tx.addCode(ctx, kept, references)
}

func (tx *Tx) addCode(ctx context.Context, upload CodeUpload, references []CodeReference) error {
	found := map[string]CodeKey{}
	for i := range references {
		references[i].UploadID = upload.ID
		key := references[i].Key
		found[key] = CodeKey{upload.Repository, upload.Branch, key, upload.UploadedAt}
	}
	if len(references) == 0 {
		return nil
	}
	if err := tx.with(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(references, batch).Error; err != nil {
		return err
	}
	var keys []CodeKey
	for _, key := range slices.Sorted(maps.Keys(found)) {
		keys = append(keys, found[key])
	}
	return tx.with(ctx).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "repository"}, {Name: "branch"}, {Name: "key"}},
		DoUpdates: clause.AssignmentColumns([]string{"found_at"})}).CreateInBatches(keys, batch).Error
}

// CodeUploads returns what was uploaded, by repository and branch.
func (r reader) CodeUploads(ctx context.Context) ([]CodeUpload, error) {
	var rows []CodeUpload
	if err := r.with(ctx).Order("repository, branch").Find(&rows).Error; err != nil {
		return nil, fmt.Errorf("read which code was scanned: %w", err)
	}
	return rows, nil
}

// CodeReferencesOf returns lines of code that ask for a flag, at most limit of them, and how many there are.
func (r reader) CodeReferencesOf(ctx context.Context, key string, limit int) (rows []CodeReference, total int64, err error) {
	if err = r.with(ctx).Model(&CodeReference{}).Where("key = ?", key).Count(&total).Error; err == nil {
		err = r.with(ctx).Where("key = ?", key).Order("upload_id, path, line").Limit(limit).Find(&rows).Error
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read where code uses a flag: %w", err)
	}
	return rows, total, nil
}

// CodeUse is how much code uses a flag, and when it was last found there.
type CodeUse struct {
	Uses  int64
	Found time.Time
}

// CodeUses returns it for all flags that were ever found in code, by key.
func (r reader) CodeUses(ctx context.Context) (map[string]CodeUse, error) {
	var found []struct {
		Key     string
		FoundAt Time
	}
	var counts []struct {
		Key  string
		Uses int64
	}
	err := r.with(ctx).Model(&CodeKey{}).Select("key, max(found_at) AS found_at").Group("key").Scan(&found).Error
	if err == nil {
		err = r.with(ctx).Model(&CodeReference{}).Select("key, count(*) AS uses").Group("key").Scan(&counts).Error
	}
	if err != nil {
		return nil, fmt.Errorf("read how much code uses flags: %w", err)
	}
	uses := make(map[string]CodeUse, len(found))
	for _, row := range found {
		uses[row.Key] = CodeUse{Found: row.FoundAt.Time}
	}
	for _, row := range counts {
		use := uses[row.Key]
		use.Uses = row.Uses
		uses[row.Key] = use
	}
	return uses, nil
}
